import LambdaAPI
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

struct FunctionDirectoryTests {
    private let fixture: ControlPlaneFixture

    init() async throws {
        fixture = try await ControlPlaneFixture()
    }

    @Test func functionIsKnownFromItsActivationOn() async throws {
        let reference = FunctionReference(FunctionName("f"))
        _ = try await fixture.plane.createFunction(try ControlPlaneFixture.request("f"))
        #expect(fixture.plane.functions.cached(reference) == nil)
        try await fixture.settle("f")
        let known = try #require(fixture.plane.functions.cached(reference))
        #expect(try await fixture.resolve("f") === known)
        #expect(try await fixture.resolve("f", qualifier: .latest) === known)
    }

    @Test func invokeOfAPendingFunctionFinishesIt() async throws {
        _ = try await fixture.plane.createFunction(try ControlPlaneFixture.request("f"))
        let functions = try await withThrowingTaskGroup(of: InvocableFunction.self) { group in
            for _ in 0..<8 { group.addTask { try await fixture.resolve("f") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(functions.map(\.configurationID)).count == 1)
        #expect(try await fixture.configuration(of: "f").state == .active)
    }

    @Test func functionWithoutSuchAVersionIsNotFound() async throws {
        try await fixture.active("f")
        let arn = ControlPlaneFixture.locality.functionARN(FunctionName("f"), qualifier: Qualifier("7"))
        await #expect(throws: LambdaError.functionNotFound(arn: arn)) {
            try await fixture.resolve("f", qualifier: Qualifier("7"))
        }
    }

    /// Creations are finished in the background while the function is invoked and deleted: once its deletion has been
    /// acknowledged, no late result of them brings it back.
    @Test func deletedFunctionStaysDeleted() async throws {
        let request = try ControlPlaneFixture.request("f")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await fixture.plane.run() }
            for round in 0..<60 {
                _ = try await fixture.plane.createFunction(request)
                // Sometimes before it is active, sometimes after.
                if round % 2 == 1 { _ = try? await fixture.resolve("f") }
                _ = try await fixture.plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
                #expect(fixture.plane.functions.cached(FunctionReference(FunctionName("f"))) == nil)
            }
            fixture.plane.stop()
            try await group.waitForAll()
        }
        await #expect(throws: LambdaError.self) { try await fixture.resolve("f") }
    }

    /// Updates, invokes and background work at once: an invoke that begins after an update has been finished never gets
    /// what was before it, and what is retired is never what is in force.
    @Test func resolvedFunctionIsNeverOlderThanTheLastFinishedUpdate() async throws {
        try await fixture.active("f")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await fixture.plane.run() }
            for round in 1...40 {
                var update = UpdateFunctionConfigurationRequest(functionName: "f")
                update.timeout = round
                _ = try await fixture.plane.updateFunctionConfiguration(update)
                async let concurrent = fixture.resolve("f")
                let during = try await concurrent.timeoutSeconds
                #expect(round == 1 || during == round || during == round - 1)
                // Whoever finishes it first, this or the plane itself: now it is finished.
                try await fixture.settle("f")
                #expect(try await fixture.resolve("f").timeoutSeconds == round)
            }
            fixture.plane.stop()
            try await group.waitForAll()
        }
        let current = try await fixture.resolve("f")
        #expect(!fixture.retired.elements.contains(current.configurationID.rawValue))
        #expect(Set(fixture.retired.elements).count == fixture.retired.elements.count)
    }
}
