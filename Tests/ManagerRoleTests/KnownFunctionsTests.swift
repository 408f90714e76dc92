import FleetProtocol
import LambdaAPI
import Testing

@testable import ManagerRole

struct KnownFunctionsTests {
    private func asking(_ function: InvocableFunction, describing: Bool = false) -> ReserveMessage {
        ReserveMessage(.random(), function, describingIt: describing)
    }

    @Test func functionIsKnownOnceItIsDescribed() {
        let functions = KnownFunctions()
        let function = InvocableFunction.test("f")
        #expect(functions.function(asking(function)) == nil)
        #expect(functions.function(asking(function, describing: true)) === function)
        #expect(functions.function(asking(.test("f"))) === function)
        #expect(functions.function(asking(.test("f", configuration: "d"))) == nil)
    }

    @Test func configurationThatWasReplacedIsForgotten() {
        let functions = KnownFunctions()
        let (old, new) = (
            InvocableFunction.test("f", configuration: "1"), InvocableFunction.test("f", configuration: "2")
        )
        let published = InvocableFunction.test("f", "1", configuration: "3")
        let other = InvocableFunction.test("g", configuration: "4")
        for function in [old, new, published, other] { _ = functions.function(asking(function, describing: true)) }
        #expect(functions.latestChanged(FunctionName("f"), to: .init("2")) == [.init("1")])
        #expect(functions.latestChanged(FunctionName("f"), to: .init("2")) == [])
        #expect(functions.function(asking(old)) == nil)
        #expect(functions.function(asking(new)) === new)
        #expect(functions.latestChanged(FunctionName("f"), to: nil) == [.init("2")])
        #expect(functions.versionDeleted(FunctionVersion("1"), of: FunctionName("f")) == [.init("3")])
        #expect(functions.versionDeleted(FunctionVersion("1"), of: FunctionName("f")) == [])
        #expect(functions.function(asking(other)) === other)
    }

    @Test func deletedFunctionIsForgottenInAllVersions() {
        let functions = KnownFunctions()
        _ = functions.function(asking(.test("f", configuration: "1"), describing: true))
        _ = functions.function(asking(.test("f", "2", configuration: "2"), describing: true))
        #expect(Set(functions.deleted(FunctionName("f"))) == [.init("1"), .init("2")])
        #expect(functions.deleted(FunctionName("f")) == [] && functions.deleted(FunctionName("g")) == [])
        #expect(functions.function(asking(.test("f", configuration: "1"))) == nil)
    }
}
