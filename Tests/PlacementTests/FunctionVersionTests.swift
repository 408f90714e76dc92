import Testing

@testable import Placement

struct FunctionVersionTests {
    @Test(arguments: [(1769, 1000), (128, 73), (1, 1), (3538, 2000), (10_240, 5789)])
    func shareOfTheCPUIsLambdas(memoryMB: Int, milli: Int) {
        #expect(FunctionVersion.test(1, memoryMB: memoryMB).cpuMilli == milli)
    }

    @Test func memoryFitsExactlyWhenItsShareDoes() {
        for milli in 0...3000 {
            let most = CPUShare.memoryMB(milli: milli)
            #expect(most == 0 || CPUShare.milli(memoryMB: most) <= milli)
            #expect(CPUShare.milli(memoryMB: most + 1) > milli)
        }
    }

    @Test(arguments: [(0, 1), (-5, 1), (Int.max, FunctionVersion.memoryMBMax)])
    func memoryThatCannotBeIsBrought(within memoryMB: Int, to bound: Int) {
        #expect(FunctionVersion.test(1, memoryMB: memoryMB).memoryMB == bound)
    }

    @Test func anotherMemoryIsAnotherFunction() {
        #expect(FunctionVersion.test(1, memoryMB: 128) != FunctionVersion.test(1, memoryMB: 256))
    }
}
