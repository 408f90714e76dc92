import CodeStore
import Foundation
import LambdaAPI
import MetadataStore
import TestSupport
import Testing

@testable import ControlPlane

struct LayerOperationsTests {
    private let fixture: ControlPlaneFixture
    private var plane: ControlPlane { fixture.plane }

    init() async throws {
        fixture = try await ControlPlaneFixture()
    }

    private static func arn(_ name: String, _ version: Int) -> String {
        ControlPlaneFixture.locality.layerVersionARN(LayerName(name), version)
    }

    @discardableResult
    private func publish(_ name: String, _ text: String = "layer") async throws -> PublishLayerVersionResponse {
        let content = LayerVersionContentInput(zipFile: try ControlPlaneFixture.package(text))
        return try await plane.publishLayerVersion(PublishLayerVersionRequest(layerName: name, content: content))
    }

    private func setLayers(_ arns: [String], of name: String) async throws(LambdaError) -> FunctionConfiguration {
        try await plane.updateFunctionConfiguration(
            UpdateFunctionConfigurationRequest(functionName: name, layers: arns)
        )
    }

    private func delete(_ name: String, _ version: Int) async throws(LambdaError) {
        try await plane.deleteLayerVersion(DeleteLayerVersionRequest(layerName: name, versionNumber: version))
    }

    // MARK: Publishing and reading

    @Test func versionIsReturnedAsItWasPublished() async throws {
        let package = try ControlPlaneFixture.package("layer")
        let published = try await plane.publishLayerVersion(
            PublishLayerVersionRequest(
                layerName: "l",
                description: "d",
                content: LayerVersionContentInput(zipFile: package),
                compatibleArchitectures: [.arm64],
                compatibleRuntimes: [Runtime(rawValue: "python3.11"), Runtime(rawValue: "go1.x")],
                licenseInfo: "MIT"
            )
        )
        #expect(published.version == 1)
        #expect(published.layerArn == "arn:aws:lambda:us-east-1:000000000000:layer:l")
        #expect(published.layerVersionArn == Self.arn("l", 1))
        #expect(published.createdDate == "2024-01-01T00:00:00.000+0000")
        #expect(published.content?.codeSize == package.bytes.count)
        let got = try await plane.getLayerVersion(GetLayerVersionRequest(layerName: "l", versionNumber: 1))
        #expect(got.compatibleRuntimes?.map(\.rawValue) == ["python3.11", "go1.x"])
        #expect(got.licenseInfo == "MIT" && got.description == "d" && got.compatibleArchitectures == [.arm64])
        #expect(try await plane.getLayerVersionByArn(GetLayerVersionByArnRequest(arn: Self.arn("l", 1))) == got)
        let byARN = GetLayerVersionRequest(layerName: try #require(published.layerArn), versionNumber: 1)
        #expect(try await plane.getLayerVersion(byARN) == got)
        #expect(got.content?.codeSha256 == published.content?.codeSha256)
    }

    @Test func whatIsNotGivenIsNotShown() async throws {
        let published = try await publish("l")
        #expect(published.description?.isEmpty == true)
        #expect(published.compatibleRuntimes == nil && published.licenseInfo == nil)
        #expect(published.compatibleArchitectures == nil)
    }

    @Test func numbersAreNotUsedAgain() async throws {
        for _ in 0..<2 { try await publish("l") }
        try await delete("l", 2)
        try await delete("l", 2)
        #expect(try await publish("l").version == 3)
        await #expect(throws: LambdaError.resourceDoesNotExist) {
            try await plane.getLayerVersion(GetLayerVersionRequest(layerName: "l", versionNumber: 2))
        }
        await #expect(throws: LambdaError.layerVersionBelowOne) {
            try await plane.getLayerVersion(GetLayerVersionRequest(layerName: "l", versionNumber: 0))
        }
    }

    private static let refusals: [(LayerVersionContentInput, String)] = [
        (LayerVersionContentInput(), "Please provide a source"),
        (LayerVersionContentInput(s3Bucket: "b", s3Key: "k"), "s3-endpoint"),
        (LayerVersionContentInput(zipFile: Blob(Array("no zip".utf8))), "Could not unzip uploaded file"),
    ]

    @Test(arguments: refusals.indices)
    func refusedLayerLeavesNothing(index: Int) async throws {
        let request = PublishLayerVersionRequest(layerName: "l", content: Self.refusals[index].0)
        let error = await #expect(throws: LambdaError.self) { try await plane.publishLayerVersion(request) }
        #expect(error?.message?.contains(Self.refusals[index].1) == true)
        #expect(try await plane.listLayers(ListLayersRequest()).layers?.isEmpty == true)
        #expect(try await publish("l").version == 1)
    }

    @Test func runtimeThatThereIsNotIsRefused() async throws {
        var request = PublishLayerVersionRequest(
            layerName: "l",
            content: LayerVersionContentInput(zipFile: try ControlPlaneFixture.package())
        )
        request.compatibleRuntimes = [Runtime(rawValue: "python3.11"), Runtime(rawValue: "cobol1")]
        let refused = request
        let error = await #expect(throws: LambdaError.self) { try await plane.publishLayerVersion(refused) }
        #expect(error?.code == .validation)
        #expect(error?.message?.contains("Value '[python3.11, cobol1]' at 'compatibleRuntimes'") == true)
        let listing = await #expect(throws: LambdaError.self) {
            try await plane.listLayers(ListLayersRequest(compatibleRuntime: Runtime(rawValue: "cobol1")))
        }
        #expect(listing?.message?.contains("Value 'cobol1' at 'compatibleRuntime'") == true)
    }

    @Test func listsAreReadPageByPage() async throws {
        for name in ["a", "b", "b", "b", "c"] { try await publish(name) }
        var seen: [String] = []
        var marker: String?
        repeat {
            let page = try await plane.listLayers(ListLayersRequest(marker: marker, maxItems: 2))
            seen += (page.layers ?? []).compactMap { $0.latestMatchingVersion?.layerVersionArn }
            marker = page.nextMarker
        } while marker != nil
        #expect(seen == [Self.arn("a", 1), Self.arn("b", 3), Self.arn("c", 1)])
        let first = try await plane.listLayerVersions(ListLayerVersionsRequest(layerName: "b", maxItems: 2))
        #expect(first.layerVersions?.map(\.version) == [3, 2])
        let second = try await plane.listLayerVersions(
            ListLayerVersionsRequest(layerName: "b", marker: first.nextMarker, maxItems: 2)
        )
        #expect(second.layerVersions?.map(\.version) == [1])
        #expect(second.nextMarker == nil)
        let none = try await plane.listLayerVersions(ListLayerVersionsRequest(layerName: "nobody"))
        #expect(none.layerVersions?.isEmpty == true)
        await #expect(throws: LambdaError.self) {
            try await plane.listLayerVersions(ListLayerVersionsRequest(layerName: "b", marker: "!"))
        }
    }

    // MARK: Permissions

    private func add(_ id: String, principal: String = "*", organization: String? = nil, revision: String? = nil)
        async throws(LambdaError) -> AddLayerVersionPermissionResponse
    {
        try await plane.addLayerVersionPermission(
            AddLayerVersionPermissionRequest(
                layerName: "l",
                versionNumber: 1,
                statementId: id,
                action: "lambda:GetLayerVersion",
                principal: principal,
                organizationId: organization,
                revisionId: revision
            )
        )
    }

    private func remove(_ id: String, revision: String? = nil) async throws(LambdaError) {
        try await plane.removeLayerVersionPermission(
            RemoveLayerVersionPermissionRequest(layerName: "l", versionNumber: 1, statementId: id, revisionId: revision)
        )
    }

    private func policy() async throws(LambdaError) -> GetLayerVersionPolicyResponse {
        try await plane.getLayerVersionPolicy(GetLayerVersionPolicyRequest(layerName: "l", versionNumber: 1))
    }

    @Test func policyHoldsWhatWasAddedAndEndsWithItsLastStatement() async throws {
        try await publish("l")
        await #expect(throws: LambdaError.noPolicy) { try await policy() }
        await #expect(throws: LambdaError.noPolicy) { try await remove("s") }
        let added = try await add("s1", principal: "123456789012", organization: "o-abc")
        let statement =
            #"{"Sid":"s1","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"#
            + #""Action":"lambda:GetLayerVersion","Resource":"\#(Self.arn("l", 1))","#
            + #""Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abc"}}}"#
        #expect(added.statement == statement)
        let shown = try await policy()
        #expect(shown.policy == #"{"Version":"2012-10-17","Id":"default","Statement":[\#(statement)]}"#)
        #expect(shown.revisionId == added.revisionId)
        _ = try await add("s2")
        #expect(try await policy().revisionId != added.revisionId)
        await #expect(throws: LambdaError.statementExists("s2")) { try await add("s2") }
        await #expect(throws: LambdaError.statementNotFound("s3")) { try await remove("s3") }
        try await remove("s1")
        try await remove("s2")
        await #expect(throws: LambdaError.noPolicy) { try await policy() }
    }

    @Test func staleRevisionOfAPolicyIsRefused() async throws {
        try await publish("l")
        await #expect(throws: LambdaError.layerPolicyChanged) { try await add("s", revision: "any") }
        let first = try await add("s1")
        let second = try await add("s2", revision: first.revisionId)
        await #expect(throws: LambdaError.layerPolicyChanged) { try await remove("s1", revision: first.revisionId) }
        try await remove("s1", revision: second.revisionId)
    }

    @Test func concurrentPermissionsAreAllKept() async throws {
        try await publish("l")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 { group.addTask { _ = try await add("s\(number)") } }
            try await group.waitForAll()
        }
        let text = try #require(try await policy().policy)
        for number in 0..<12 { #expect(text.contains(#""Sid":"s\#(number)""#)) }
    }

    @Test func policyOfAVersionThatThereIsNotIsNotFound() async throws {
        let missing = LambdaError.layerVersionNotFound(arn: Self.arn("l", 1))
        await #expect(throws: missing) { try await policy() }
        await #expect(throws: missing) { try await add("s") }
        await #expect(throws: missing) { try await remove("s") }
    }

    @Test func policyHasALimit() async throws {
        try await publish("l")
        let error = await #expect(throws: LambdaError.self) {
            for number in 0... { _ = try await add("\(number)" + String(repeating: "s", count: 90)) }
        }
        #expect(error?.code == .policyLengthExceededException)
        #expect(try #require(try await policy().policy).utf8.count <= 20_480)
    }

    // MARK: Functions

    @Test func functionShowsItsLayersAndInvokesHaveThem() async throws {
        for name in ["l", "m"] { try await publish(name, name) }
        var request = try ControlPlaneFixture.request("f")
        request.layers = [Self.arn("m", 1), Self.arn("l", 1)]
        let created = try await plane.createFunction(request)
        #expect(created.layers?.map(\.arn) == request.layers)
        #expect(created.layers?.first?.codeSize == (try ControlPlaneFixture.package("m")).bytes.count)
        let function = try await fixture.resolve("f")
        #expect(function.layerHashes.count == 2)
        let updated = try await setLayers([Self.arn("l", 1)], of: "f")
        #expect(updated.layers?.map(\.arn) == [Self.arn("l", 1)])
        try await fixture.settle("f")
        #expect(fixture.retired.elements == [function.configurationID.rawValue])
        #expect(try await fixture.resolve("f").layerHashes == [function.layerHashes[1]])
        // Other changes leave the layers alone, an empty list takes them away.
        _ = try await plane.updateFunctionConfiguration(
            UpdateFunctionConfigurationRequest(functionName: "f", timeout: 9)
        )
        try await fixture.settle("f")
        #expect(try await fixture.configuration(of: "f").layers?.count == 1)
        #expect(try await setLayers([], of: "f").layers == nil)
    }

    @Test func layersThatAFunctionCannotHaveAreRefusedAndChangeNothing() async throws {
        try await fixture.active("f")
        for name in ["a", "b", "c", "d", "e", "f", "a"] { try await publish(name, name) }
        let six = ["a", "b", "c", "d", "e", "f"].map { Self.arn($0, 1) }
        _ = try await setLayers(Array(six.prefix(5)), of: "f")
        try await fixture.settle("f")
        let before = try await fixture.configuration(of: "f")
        let elsewhere = "arn:aws:lambda:eu-west-1:000000000000:layer:a:1"
        let others = "arn:aws:lambda:us-east-1:123456789012:layer:a:1"
        let refusals: [([String], LambdaError)] = [
            (six, .tooManyLayers),
            ([Self.arn("a", 9)], .unknownLayerVersion(arn: Self.arn("a", 9))),
            ([Self.arn("z", 1)], .unknownLayerVersion(arn: Self.arn("z", 1))),
            ([Self.arn("a", 1), Self.arn("a", 2)], .sameLayerTwice(Self.arn("a", 1), Self.arn("a", 2))),
            ([elsewhere], .layerInOtherRegion(expected: "us-east-1")),
            (
                [others],
                .layerOfOtherAccount(user: "arn:aws:iam::000000000000:root", action: "GetLayerVersion", arn: others)
            ),
        ]
        for (layers, expected) in refusals {
            await #expect(throws: expected) { try await setLayers(layers, of: "f") }
        }
        #expect(try await fixture.configuration(of: "f") == before)
        #expect(LambdaError.tooManyLayers.message == "Cannot reference more than 5 layers.")
    }

    @Test func packageAndLayersTogetherHaveALimit() async throws {
        func megabytes(_ count: Int, _ name: String) throws -> Blob {
            Blob(
                try Python.zip(
                    "with z.open('\(name)', 'w', force_zip64=True) as f:\n    for _ in range(\(count)): f.write(bytes(1 << 20))"
                )
            )
        }
        for name in ["l", "m"] {
            let content = LayerVersionContentInput(zipFile: try megabytes(120, name))
            _ = try await plane.publishLayerVersion(PublishLayerVersionRequest(layerName: name, content: content))
        }
        let layers = [Self.arn("l", 1), Self.arn("m", 1)]
        var request = try ControlPlaneFixture.request("f")
        request.code = FunctionCode(zipFile: try megabytes(11, "code"))
        request.layers = layers
        let refused = request
        await #expect(throws: LambdaError.codeWithLayersTooLarge(251 << 20)) {
            try await plane.createFunction(refused)
        }
        request.code = FunctionCode(zipFile: try megabytes(10, "code"))
        _ = try await plane.createFunction(request)
        try await fixture.settle("f")
        await #expect(throws: LambdaError.codeWithLayersTooLarge(251 << 20)) {
            try await plane.updateFunctionCode(
                UpdateFunctionCodeRequest(functionName: "f", zipFile: try megabytes(11, "code"))
            )
        }
    }

    @Test func layersWhoseLinksTogetherLeadOutAreRefused() async throws {
        let layers = [
            "entry('x/y/up', 0o777, b'..', stat.S_IFLNK)", "entry('out', 0o777, b'x/y/up/../../etc', stat.S_IFLNK)",
        ]
        for (name, statements) in zip(["l", "m"], layers) {
            let content = LayerVersionContentInput(zipFile: Blob(try Python.zip(statements)))
            _ = try await plane.publishLayerVersion(PublishLayerVersionRequest(layerName: name, content: content))
        }
        try await fixture.active("f")
        let error = await #expect(throws: LambdaError.self) {
            try await setLayers([Self.arn("l", 1), Self.arn("m", 1)], of: "f")
        }
        #expect(error?.code == .invalidParameterValueException)
        #expect(error?.message?.contains("link out") == true)
        _ = try await setLayers([Self.arn("m", 1)], of: "f")
    }

    @Test func deletedVersionStaysForItsFunctionsAndGoesWithTheLast() async throws {
        for name in ["l", "m"] { try await publish(name, name) }
        var request = try ControlPlaneFixture.request("f")
        request.layers = [Self.arn("l", 1), Self.arn("m", 1)]
        _ = try await plane.createFunction(request)
        try await fixture.settle("f")
        let function = try await fixture.resolve("f")
        let stack = try #require(LayerStack(function.layerHashes.map { CodeHash(hexadecimal: $0) }))
        let tree = try await fixture.codeStore.withLayers(stack) { $0.directory }
        for name in ["l", "m"] { try await delete(name, 1) }
        await #expect(throws: LambdaError.unknownLayerVersion(arn: Self.arn("l", 1))) {
            try await setLayers([Self.arn("l", 1)], of: "f")
        }
        let start = ContinuousClock.now
        for round in 0..<3 { try await plane.collectPackages(at: start + CodeStore.retention * round) }
        #expect(FileManager.default.fileExists(atPath: tree))
        for layer in stack.layers { _ = try await fixture.codeStore.archive(layer) }
        #expect(try await fixture.configuration(of: "f").layers?.count == 2)

        let again = try await ControlPlaneFixture(in: fixture.directory)
        try await again.plane.recover()
        #expect(FileManager.default.fileExists(atPath: tree))
        #expect(try await again.resolve("f").layerHashes == function.layerHashes)

        _ = try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
        for round in 3..<5 { try await plane.collectPackages(at: start + CodeStore.retention * round) }
        #expect(!FileManager.default.fileExists(atPath: tree))
        for layer in stack.layers {
            await #expect(throws: CodeStoreError.self) { try await fixture.codeStore.archive(layer) }
        }
    }

    @Test func usageCountsLayersToo() async throws {
        let sizes = [try ControlPlaneFixture.package("l"), try ControlPlaneFixture.package("m")].map(\.bytes.count)
        try await publish("l", "l")
        try await publish("l", "m")
        let settings = try await plane.getAccountSettings(GetAccountSettingsRequest())
        #expect(settings.accountUsage?.totalCodeSize == sizes[0] + sizes[1])
    }
}
