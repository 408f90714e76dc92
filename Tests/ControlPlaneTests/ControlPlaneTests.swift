import CodeStore
import Foundation
import LambdaAPI
import MetadataStore
import TestSupport
import Testing

@testable import ControlPlane

struct ControlPlaneTests {
    private let fixture: ControlPlaneFixture
    private var plane: ControlPlane { fixture.plane }

    init() async throws {
        fixture = try await ControlPlaneFixture()
    }

    private static func arn(_ name: String, _ qualifier: Qualifier? = nil) -> String {
        ControlPlaneFixture.locality.functionARN(FunctionName(name), qualifier: qualifier)
    }

    private func update(_ name: String, _ change: (inout UpdateFunctionConfigurationRequest) -> Void = { _ in })
        async throws(LambdaError) -> FunctionConfiguration
    {
        var request = UpdateFunctionConfigurationRequest(functionName: name)
        change(&request)
        return try await plane.updateFunctionConfiguration(request)
    }

    private func updateCode(_ name: String, _ text: String) async throws -> FunctionConfiguration {
        try await plane.updateFunctionCode(
            UpdateFunctionCodeRequest(functionName: name, zipFile: try ControlPlaneFixture.package(text))
        )
    }

    // MARK: Creating

    @Test func newFunctionIsPendingWithLambdasDefaults() async throws {
        let created = try await plane.createFunction(try ControlPlaneFixture.request("f"))
        #expect(created.functionArn == Self.arn("f"))
        #expect(created.state == .pending)
        #expect(created.stateReason == "The function is being created.")
        #expect(created.stateReasonCode == .creating)
        #expect(created.lastUpdateStatus == nil)
        #expect(created.version == "$LATEST")
        #expect(created.timeout == 3)
        #expect(created.memorySize == 128)
        #expect(created.ephemeralStorage?.size == 512)
        #expect(created.architectures == [.x86_64])
        #expect(created.loggingConfig?.logGroup == "/aws/lambda/f")
        #expect(created.environment == nil)
        #expect(created.lastModified == "2024-01-01T00:00:00.000+0000")
    }

    @Test func functionBecomesActiveUnderAnotherRevisionWhileThePlaneRuns() async throws {
        let changes = AsyncStream.makeStream(of: FunctionChange.self)
        fixture.store.observe { changes.continuation.yield($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await plane.run() }
            let created = try await plane.createFunction(try ControlPlaneFixture.request("f"))
            for await case .written(let record) in changes.stream where record.status.state == .active { break }
            let active = try await fixture.configuration(of: "f")
            #expect(active.state == .active)
            #expect(active.stateReason == nil)
            #expect(active.lastUpdateStatus == .successful)
            #expect(active.revisionId != created.revisionId)
            plane.stop()
            try await group.waitForAll()
        }
    }

    @Test func nameThatIsTakenIsAConflict() async throws {
        let first = try await plane.createFunction(try ControlPlaneFixture.request("f"))
        await #expect(throws: LambdaError.functionExists(FunctionName("f"))) {
            try await plane.createFunction(try ControlPlaneFixture.request("f", "two"))
        }
        #expect(try await fixture.configuration(of: "f").revisionId == first.revisionId)
    }

    @Test func ofConcurrentCreationsOneSucceeds() async throws {
        let request = try ControlPlaneFixture.request("f")
        let count = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (try? await plane.createFunction(request)) != nil } }
            return await group.reduce(0) { $1 ? $0 + 1 : $0 }
        }
        #expect(count == 1)
    }

    @Test(arguments: [("ruby3.3", nil), ("python3.11", Architecture.arm64)] as [(String, Architecture?)])
    func functionThatThisHostCannotRunFailsAndSaysWhy(runtime: String, architecture: Architecture?) async throws {
        var request = try ControlPlaneFixture.request("f")
        request.runtime = Runtime(rawValue: runtime)
        request.architectures = architecture.map { [$0] }
        _ = try await plane.createFunction(request)
        try await fixture.settle("f")
        let failed = try await fixture.configuration(of: "f")
        #expect(failed.state == .failed)
        #expect(failed.stateReasonCode == .invalidRuntime)
        #expect(failed.stateReason?.contains(architecture?.rawValue ?? runtime) == true)
        await #expect(throws: LambdaError.functionState("Failed")) { try await fixture.resolve("f") }
    }

    @Test func refusedFunctionLeavesNothing() async throws {
        var request = try ControlPlaneFixture.request("f")
        request.code = FunctionCode(zipFile: Blob(Array("no zip".utf8)))
        await #expect(throws: LambdaError.invalidZip) { try await plane.createFunction(request) }
        request.code = FunctionCode(zipFile: Blob(try Python.zip("pass")))
        await #expect(throws: LambdaError.invalidParameterValue("Uploaded file must be a non-empty zip")) {
            try await plane.createFunction(request)
        }
        #expect(try await fixture.store.usage().functionCount == 0)
        let archives = "\(fixture.directory.path)/code/archives"
        #expect(try FileManager.default.contentsOfDirectory(atPath: archives).isEmpty)
    }

    private static let refusals: [(@Sendable (inout CreateFunctionRequest) -> Void, String)] = [
        ({ $0.runtime = nil }, "Runtime and Handler are mandatory parameters"),
        ({ $0.handler = nil }, "Runtime and Handler are mandatory parameters"),
        ({ $0.code = FunctionCode() }, "Please provide a source for function code."),
        ({ $0.runtime = Runtime(rawValue: "cobol1") }, "Value cobol1 at 'runtime' failed to satisfy constraint"),
        ({ $0.runtime = Runtime(rawValue: "python2.7") }, "The runtime parameter of python2.7 is no longer supported"),
        ({ $0.memorySize = 10_241 }, "Member must have value less than or equal to 10240"),
        (
            { $0.environment = Environment(variables: ["A": String(repeating: "x", count: 4089)]) },
            "exceeded the 4KB limit. String measured: {\"A\":\"x"
        ),
        (
            { $0.environment = Environment(variables: ["AWS_REGION": "x", "_HANDLER": "y"]) },
            "Reserved keys used in this request: AWS_REGION, _HANDLER"
        ),
        (
            { $0.loggingConfig = LoggingConfig(systemLogLevel: .debug) },
            "LogLevel is not supported when LogFormat is set"
        ),
        (
            { $0.tags = Dictionary(uniqueKeysWithValues: (0...50).map { ("k\($0)", "v") }) },
            "Number of tags exceeds resource tag limit."
        ),
        ({ $0.functionName = "f:alias" }, "without a qualifier"),
        ({ $0.functionName = String(repeating: "f", count: 65) }, "Member must have length less than or equal to 64"),
    ]

    @Test(arguments: refusals.indices)
    func configurationThatLambdaRefusesIsRefused(index: Int) async throws {
        var request = try ControlPlaneFixture.request("f")
        Self.refusals[index].0(&request)
        let refused = request
        let error = await #expect(throws: LambdaError.self) { try await plane.createFunction(refused) }
        #expect(error?.code == .invalidParameterValueException)
        #expect(error?.message?.contains(Self.refusals[index].1) == true, "\(error?.message ?? "")")
        #expect(try await fixture.store.usage().functionCount == 0)
    }

    @Test func largestEnvironmentIsAccepted() async throws {
        var request = try ControlPlaneFixture.request("f")
        // {"A":"…"} has eight bytes beside the value.
        request.environment = Environment(variables: ["A": String(repeating: "x", count: 4088)])
        let created = try await plane.createFunction(request)
        #expect(created.environment?.variables == request.environment?.variables)
    }

    @Test func featureWithoutBehaviourIsRefusedByName() async throws {
        var request = try ControlPlaneFixture.request("f")
        request.packageType = .image
        request.publishTo = .latestPublished
        let refused = request
        let error = await #expect(throws: LambdaError.self) { try await plane.createFunction(refused) }
        #expect(error?.httpStatus == 501)
        #expect(error?.message?.contains("PackageType Image, PublishTo") == true)
        #expect(try await fixture.store.usage().functionCount == 0)
    }

    // MARK: Reading

    @Test func codeIsDownloadedForTenMinutesByWhoHasTheAddress() async throws {
        let blob = try ControlPlaneFixture.package()
        try await fixture.active("f")
        plane.served(at: ServiceAddress(scheme: "http", host: "127.0.0.1", port: 1))
        let answer = try await plane.getFunction(GetFunctionRequest(functionName: "f"))
        let location = try #require(answer.code?.location.flatMap { URLComponents(string: $0) })
        #expect(location.host == "127.0.0.1")
        #expect(location.path.hasPrefix(CodeLocation.pathPrefix))
        let hash = CodeHash(hexadecimal: String(location.path.dropFirst(CodeLocation.pathPrefix.count)))
        func value(_ name: String) -> String { location.queryItems?.first { $0.name == name }?.value ?? "" }
        let (expiry, signature) = (try #require(Int(value("Expires"))), value("Signature"))

        #expect(try await plane.archive(hash, expiry: expiry, signature: signature) == blob.bytes)
        let other = CodeHash(hexadecimal: String(repeating: "0", count: 64))
        for (hash, expiry, signature) in [
            (other, expiry, signature), (hash, expiry + 1, signature), (hash, expiry, "00" + signature.dropFirst(2)),
            (hash, expiry, ""), (hash, expiry, "xyz"),
        ] {
            await #expect(throws: LambdaError.self) {
                try await plane.archive(hash, expiry: expiry, signature: signature)
            }
        }
        fixture.clock.advance(seconds: 600)
        #expect(try await plane.archive(hash, expiry: expiry, signature: signature) == blob.bytes)
        fixture.clock.advance(seconds: 1)
        await #expect(throws: LambdaError.self) {
            try await plane.archive(hash, expiry: expiry, signature: signature)
        }
    }

    @Test func qualifierIsRepeatedInTheARNAndUnknownOnesAreNotFound() async throws {
        try await fixture.active("f")
        func arn(_ qualifier: String?) async throws(LambdaError) -> String? {
            let request = GetFunctionConfigurationRequest(functionName: "f", qualifier: qualifier)
            return try await plane.getFunctionConfiguration(request).functionArn
        }
        #expect(try await arn(nil) == Self.arn("f"))
        #expect(try await arn("$LATEST") == Self.arn("f", .latest))
        for qualifier in ["1", "alias"] {
            await #expect(throws: LambdaError.functionNotFound(arn: Self.arn("f", Qualifier(qualifier)))) {
                try await arn(qualifier)
            }
        }
    }

    @Test func listIsPagedInTheOrderOfNamesAndOmitsStates() async throws {
        for name in ["c", "a", "b"] { _ = try await plane.createFunction(try ControlPlaneFixture.request(name)) }
        let first = try await plane.listFunctions(ListFunctionsRequest(maxItems: 2))
        #expect(first.functions?.map(\.functionName) == ["a", "b"])
        #expect(first.functions?.first?.state == nil)
        let marker = try #require(first.nextMarker)
        let second = try await plane.listFunctions(ListFunctionsRequest(marker: marker, maxItems: 2))
        #expect(second.functions?.map(\.functionName) == ["c"])
        #expect(second.nextMarker == nil)
        await #expect(throws: LambdaError.self) {
            try await plane.listFunctions(ListFunctionsRequest(marker: "no marker"))
        }
    }

    @Test func accountSettingsCountFunctionsAndTheirCode() async throws {
        let one = try await fixture.active("f")
        let two = try await fixture.active("g", "another")
        let settings = try await plane.getAccountSettings(GetAccountSettingsRequest())
        #expect(settings.accountUsage?.functionCount == 2)
        #expect(settings.accountUsage?.totalCodeSize == (one.codeSize ?? 0) + (two.codeSize ?? 0))
        #expect(settings.accountLimit?.codeSizeUnzipped == 262_144_000)
    }

    // MARK: Updating

    @Test func invokesRunTheOldCodeUntilTheUpdateIsDone() async throws {
        try await fixture.active("f")
        let old = try await fixture.resolve("f")
        fixture.clock.advance(seconds: 60)
        let updating = try await updateCode("f", "two")
        #expect(updating.lastUpdateStatus == .inProgress)
        #expect(updating.lastUpdateStatusReason == "The function is being created.")
        #expect(updating.lastUpdateStatusReasonCode?.rawValue == "Creating")
        #expect(updating.state == .active)
        #expect(updating.lastModified == "2024-01-01T00:01:00.000+0000")
        #expect(try await fixture.resolve("f") === old)
        #expect(fixture.retired.elements.isEmpty)

        try await fixture.settle("f")
        let new = try await fixture.resolve("f")
        #expect(new.codeHash != old.codeHash)
        #expect(new.configurationID != old.configurationID)
        #expect(fixture.retired.elements == [old.configurationID.rawValue])
        #expect(try await fixture.configuration(of: "f").lastUpdateStatus == .successful)
    }

    /// Also what is read from the store while an update is under way is the old definition.
    @Test func restartDuringAnUpdateFinishesIt() async throws {
        try await fixture.active("f")
        let updating = try await updateCode("f", "two")
        let again = try await ControlPlaneFixture(in: fixture.directory)
        try await again.plane.recover()
        again.plane.stop()
        await again.plane.run()
        let done = try await again.configuration(of: "f")
        #expect(done.lastUpdateStatus == .successful)
        #expect(done.codeSha256 == updating.codeSha256)
        let function = try await again.resolve("f")
        #expect(CodeHash(hexadecimal: function.codeHash).base64 == updating.codeSha256)
    }

    @Test func updateChangesOnlyWhatItNames() async throws {
        var request = try ControlPlaneFixture.request("f")
        request.description = "kept"
        request.environment = Environment(variables: ["K": "kept"])
        _ = try await plane.createFunction(request)
        try await fixture.settle("f")
        let updated = try await update("f") { $0.timeout = 9 }
        #expect(updated.timeout == 9)
        #expect(updated.description == "kept")
        #expect(updated.environment?.variables == ["K": "kept"])
        try await fixture.settle("f")
        let cleared = try await update("f") { $0.environment = Environment(variables: [:]) }
        #expect(cleared.environment?.variables?.isEmpty != false)
    }

    @Test func updateOfAFunctionThatIsNotReadyIsAConflict() async throws {
        _ = try await plane.createFunction(try ControlPlaneFixture.request("f"))
        await #expect(throws: LambdaError.functionState("Pending")) { try await update("f") }
        try await fixture.settle("f")
        _ = try await update("f") { $0.timeout = 5 }
        await #expect(throws: LambdaError.updateInProgress(arn: Self.arn("f"))) { try await update("f") }
        await #expect(throws: LambdaError.updateInProgress(arn: Self.arn("f"))) {
            try await updateCode("f", "two")
        }
        #expect(try await fixture.configuration(of: "f").timeout == 5)
    }

    @Test func staleRevisionIsRefused() async throws {
        let created = try await fixture.active("f")
        await #expect(throws: LambdaError.preconditionFailed) {
            try await update("f") { $0.revisionId = created.revisionId }
        }
        let current = try await fixture.configuration(of: "f").revisionId
        _ = try await update("f") { $0.revisionId = current }
    }

    /// Whoever loses against a deletion learns that the function is gone, whoever loses against an update that there is one.
    @Test func ofConcurrentUpdatesAndADeletionEveryLoserLearnsWhy() async throws {
        let allowed = [
            LambdaError.functionNotFound(arn: Self.arn("f")), LambdaError.updateInProgress(arn: Self.arn("f")),
        ]
        for _ in 0..<10 {
            try await fixture.active("f")
            let failures = await withTaskGroup(of: LambdaError?.self) { group in
                for timeout in 1...4 {
                    group.addTask {
                        do throws(LambdaError) {
                            _ = try await update("f") { $0.timeout = timeout }
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                group.addTask {
                    _ = try? await plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
                    return nil
                }
                return await group.reduce(into: [LambdaError]()) { if let failure = $1 { $0.append(failure) } }
            }
            #expect(failures.count >= 3)
            #expect(failures.allSatisfy { allowed.contains($0) }, "\(failures)")
            await #expect(throws: LambdaError.self) { try await fixture.configuration(of: "f") }
        }
    }

    @Test func dryRunChangesNothing() async throws {
        try await fixture.active("f")
        let before = try await fixture.configuration(of: "f")
        var request = UpdateFunctionCodeRequest(functionName: "f", zipFile: try ControlPlaneFixture.package("two"))
        request.dryRun = true
        let answer = try await plane.updateFunctionCode(request)
        #expect(answer.codeSha256 != before.codeSha256)
        #expect(try await fixture.configuration(of: "f") == before)
    }

    @Test func updateThatCannotRunLeavesTheFunctionRunning() async throws {
        try await fixture.active("f")
        let before = try await fixture.resolve("f")
        _ = try await update("f") { $0.runtime = Runtime(rawValue: "ruby3.3") }
        try await fixture.settle("f")
        let after = try await fixture.configuration(of: "f")
        #expect(after.state == .active)
        #expect(after.lastUpdateStatus == .failed)
        #expect(after.lastUpdateStatusReason?.contains("ruby3.3") == true)
        #expect(try await fixture.resolve("f").configurationID == before.configurationID)
    }

    // MARK: Deleting

    @Test func deletedFunctionIsGoneForEverybodyAtOnce() async throws {
        try await fixture.active("f")
        let function = try await fixture.resolve("f")
        let deleted = try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
        #expect(deleted.statusCode == 204)
        #expect(fixture.retired.elements == [function.configurationID.rawValue])
        await #expect(throws: LambdaError.functionNotFound(arn: Self.arn("f", .latest))) {
            try await fixture.resolve("f")
        }
        await #expect(throws: LambdaError.functionNotFound(arn: Self.arn("f"))) {
            try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
        }
    }

    @Test(arguments: [
        ("$LATEST", "$LATEST version cannot be deleted without deleting the function."),
        ("alias", "Deletion of aliases is not currently supported."),
    ])
    func onlyVersionsCanBeDeletedByQualifier(qualifier: String, message: String) async throws {
        try await fixture.active("f")
        await #expect(throws: LambdaError.invalidParameterValue(message)) {
            try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f", qualifier: qualifier))
        }
        #expect(
            try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f", qualifier: "7")).statusCode == 204
        )
        #expect(try await fixture.store.usage().functionCount == 1)
    }

    // MARK: Packages and crashes

    @Test func packageThatNoFunctionUsesIsRemovedInTime() async throws {
        try await fixture.active("f")
        let old = CodeHash(hexadecimal: try await fixture.resolve("f").codeHash)
        _ = try await updateCode("f", "two")
        let start = ContinuousClock.now
        try await plane.collectPackages(at: start)
        try await plane.collectPackages(at: start + CodeStore.retention)
        #expect(try await !fixture.codeStore.archive(old).isEmpty, "invokes still run it")
        try await fixture.settle("f")
        try await plane.collectPackages(at: start + CodeStore.retention)
        try await plane.collectPackages(at: start + CodeStore.retention * 2)
        await #expect(throws: CodeStoreError.self) { try await fixture.codeStore.archive(old) }
        let current = CodeHash(hexadecimal: try await fixture.resolve("f").codeHash)
        #expect(try await !fixture.codeStore.archive(current).isEmpty)
    }

    @Test func startFinishesWhatWasBegunAndRemovesWhatWasNotAcknowledged() async throws {
        _ = try await plane.createFunction(try ControlPlaneFixture.request("f"))
        // A crash between the package and the record: nothing was acknowledged.
        let orphan = try await fixture.codeStore.put(try ControlPlaneFixture.package("orphan").bytes)
        let again = try await ControlPlaneFixture(in: fixture.directory)
        try await again.plane.recover()
        again.plane.stop()
        await again.plane.run()
        #expect(try await again.configuration(of: "f").state == .active)
        await #expect(throws: CodeStoreError.self) { try await again.codeStore.archive(orphan.hash) }
        let package = CodeHash(hexadecimal: try await again.resolve("f").codeHash)
        #expect(try await !again.codeStore.withContent(of: package) { $0.directory }.isEmpty)
    }
}
