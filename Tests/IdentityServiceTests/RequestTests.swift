import IdentityAPI
import IdentityService
import LambdaAPI
import MetadataStore
import TestSupport
import Testing

/// What is the same for all operations, and STS.
@Suite struct RequestTests {
    private let fixture: IdentityFixture

    init() throws { fixture = try IdentityFixture() }

    @Test func callerIsTold() async throws {
        let answer = await fixture.ask(.sts, [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")])
        #expect(answer.status == 200)
        #expect(answer.text("Arn") == IdentityFixture.caller.arn)
        #expect(answer.text("UserId") == "AIDA")
        #expect(answer.text("Account") == "000000000000")
        #expect(answer.text("RequestId") == "request")
    }

    @Test(arguments: [
        (QueryService.iam, "CreateUser"), (.sts, "AssumeRole"), (.sts, "GetSessionToken"),
    ])
    func operationWithoutBehaviourSaysSo(_ service: QueryService, _ action: String) async {
        let answer = await fixture.ask(service, [("Action", action), ("Version", service.version)])
        #expect(answer.status == 501)
        #expect(answer.text("Code") == "NotImplemented")
        #expect(answer.text("Message")?.hasPrefix("Swiftlet has no behaviour for \(action) of ") == true)
    }

    @Test func whatIsNoOperationIsRefused() async {
        for (form, code) in [
            ([("Action", "Nonsense"), ("Version", "2010-05-08")], "InvalidAction"),
            ([("Action", "GetRole"), ("Version", "2011-06-15")], "InvalidAction"),
            ([("Action", "GetRole")], "InvalidAction"),
            ([("Version", "2010-05-08")], "MissingAction"),
            ([], "MissingAction"),
        ] {
            let answer = await fixture.ask(.iam, form)
            #expect(answer.status == 400)
            #expect(answer.text("Code") == code)
            #expect(answer.text("Type") == "Sender")
        }
    }

    @Test func brokenConstraintsAreAValidationError() async {
        await fixture.refuse(
            400,
            "ValidationError",
            "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
            "GetRole"
        )
        await fixture.refuse(
            400,
            "ValidationError",
            "The specified value for roleName is invalid. "
                + "It must contain only alphanumeric characters and/or the following: +=,.@_-",
            "GetRole",
            ["RoleName": "a/b"]
        )
    }

    @Test func bodyIsTakenApart() async {
        let good = await fixture.ask(.sts, urlEncoded: "Action=GetCallerIdentity&Version=2011-06-15")
        #expect(good.status == 200)
        let bad = await fixture.ask(.iam, urlEncoded: "Action=%")
        #expect(bad.status == 400)
        #expect(bad.text("Code") == "MalformedQueryString")
    }

    /// Random members of the model with values of all kinds: whatever comes is done or refused, and is never a failure.
    @Test(arguments: IAMOperation.allCases)
    func everyRequestIsDoneOrRefusedAsTheClientsFault(_ operation: IAMOperation) async {
        let names = [
            "RoleName", "PolicyName", "PolicyArn", "PolicyDocument", "AssumeRolePolicyDocument", "VersionId", "Path",
            "PathPrefix", "MaxItems", "Marker", "Tags.member.1.Key", "Tags.member.1.Value", "Tags.member.x",
            "TagKeys.member.1", "TagKeys", "Description", "SetAsDefault", "PermissionsBoundary", "Scope",
            "EntityFilter", "MaxSessionDuration",
        ]
        let values = [
            "", "r", "/", "1", "-1", "true", "v1", "cg==", "{", IdentityFixture.trust, IdentityFixture.permissions,
            IdentityFixture.basicExecution, "arn:aws:iam::000000000000:policy/r", String(repeating: "x", count: 2000),
        ]
        let seed = UInt64(IAMOperation.allCases.firstIndex(of: operation) ?? 0)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let form = names.shuffled(using: &generator).prefix(Int.random(in: 0...12, using: &generator))
                .map { ($0, values[Int.random(in: values.indices, using: &generator)]) }
            let named = [("Action", operation.rawValue), ("Version", "2010-05-08"), ("RoleName", "r")]
            let answer = await fixture.ask(.iam, named + form)
            #expect(answer.status < 500, "seed \(seed): \(form)")
        }
    }

    @Test func failureOfTheStoreIsToldToTheLogOnly() async {
        let service = IdentityService(
            store: BrokenRoleStore(),
            locality: Locality(accountID: "000000000000", region: "eu-west-1")
        ) { Timestamp(milliseconds: 0) }
        let answer = await service.respond(
            service: .iam,
            form: [("Action", "GetRole"), ("Version", "2010-05-08"), ("RoleName", "r")],
            caller: IdentityFixture.caller,
            requestID: RequestID("request")
        )
        #expect(answer.status == 500)
        #expect(answer.body.contains("<Type>Receiver</Type><Code>ServiceFailure</Code>"))
        #expect(!answer.body.contains("secret"))
        #expect((answer.failure as? MetadataStoreError)?.message == "secret")
    }
}

/// A store that fails whatever it is asked.
private struct BrokenRoleStore: RoleStore {
    private var error: MetadataStoreError { MetadataStoreError(.unavailable, "secret") }

    func insertRole(_: RoleRecord) async throws(MetadataStoreError) { throw error }
    func role(named _: String) async throws(MetadataStoreError) -> RoleRecord? { throw error }
    func replaceRole(_: RoleRecord, expecting _: Int) async throws(MetadataStoreError) { throw error }
    func deleteRole(named _: String, expecting _: Int) async throws(MetadataStoreError) { throw error }
    func roles(
        after _: String?,
        pathPrefix _: String,
        using _: PolicyUse?,
        limit _: Int
    ) async throws(MetadataStoreError) -> [RoleRecord] { throw error }
    func insertPolicy(_: ManagedPolicyRecord) async throws(MetadataStoreError) { throw error }
    func policy(named _: String) async throws(MetadataStoreError) -> ManagedPolicyRecord? { throw error }
    func replacePolicy(_: ManagedPolicyRecord, expecting _: Int) async throws(MetadataStoreError) { throw error }
    func deletePolicy(named _: String, expecting _: Int) async throws(MetadataStoreError) { throw error }
    func policies(
        after _: String?,
        pathPrefix _: String,
        usedIn _: Set<PolicyUse.Way>?,
        limit _: Int
    ) async throws(MetadataStoreError) -> [ManagedPolicyRecord] { throw error }
    func policyUsage() async throws(MetadataStoreError) -> [PolicyARN: PolicyUsage] { throw error }
}
