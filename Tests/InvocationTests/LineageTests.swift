import LambdaAPI
import TestSupport
import Testing

@testable import Invocation

struct LineageTests {
    private func function(_ name: String) -> InvocableFunction {
        InvocableFunction(
            configurationID: .init("c"),
            locality: Locality(accountID: "000000000000", region: "us-east-1"),
            name: FunctionName(name),
            version: .latest,
            runtime: "python3.11",
            handler: "app.handler",
            timeoutSeconds: 3,
            memoryMegabytes: 128,
            ephemeralStorageMegabytes: 512,
            environment: [:],
            codeHash: ""
        )
    }

    @Test func everyInvokeOfAChainIsCounted() {
        let function = function("f")
        var header = "Root=1-2-3;Parent=4;Sampled=1"
        for number in 1...20 {
            let (next, invocations) = XRayTraceHeader(caller: header).entering(function)
            #expect(invocations == number)
            #expect(next.description == "Root=1-2-3;Parent=4;Sampled=1;Lineage=\(function.lineageID):\(number)")
            header = next.description
        }
    }

    @Test func functionsOfOneChainAreCountedApart() {
        let (f, g) = (function("f"), function("g"))
        #expect(f.lineageID != g.lineageID && f.lineageID.count == 8)
        var header = XRayTraceHeader(caller: nil).description
        for number in 1...5 {
            let first = XRayTraceHeader(caller: header).entering(f)
            let second = first.header.entering(g)
            #expect(first.invocations == number && second.invocations == number)
            header = second.header.description
        }
    }

    @Test func formatThatIsNumberedIsReadToo() {
        let f = function("f")
        #expect(XRayTraceHeader(caller: "Root=1;Lineage=1:\(f.lineageID):7").entering(f).invocations == 8)
        #expect(XRayTraceHeader(caller: "Lineage=a:1|\(f.lineageID):3;Root=1").entering(f).invocations == 4)
    }

    @Test(arguments: ["Lineage=", "Lineage=:", "Lineage=a", "Lineage=a:b", "Lineage=a:-1|b", "Lineage=|||;Root=1"])
    func whatIsNoLineageIsNone(header: String) {
        let (text, invocations) = XRayTraceHeader(caller: header).entering(function("f"))
        #expect(invocations == 1)
        #expect(text.description.contains("Lineage=\(function("f").lineageID):1"))
    }

    @Test func countNeverOverflows() {
        let f = function("f")
        let (_, invocations) = XRayTraceHeader(caller: "Lineage=\(f.lineageID):9223372036854775807").entering(f)
        #expect(invocations > Lineage.invocationsMax)
    }

    /// The header does not grow, however many functions a chain goes through.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func headerStaysShort(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var header = XRayTraceHeader(caller: nil).description
        for _ in 0..<100 {
            let name = "f\(Int.random(in: 0..<12, using: &generator))"
            header = XRayTraceHeader(caller: header).entering(function(name)).header.description
            #expect(header.utf8.count < 200, "seed \(seed)")
        }
    }
}
