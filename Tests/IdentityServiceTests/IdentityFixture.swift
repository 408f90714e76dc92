import IdentityAPI
import IdentityService
import LambdaAPI
import MetadataStore
import MetadataStoreSQL
import MetadataStoreSQLite
import Synchronization
import TestSupport
import Testing

/// A service on a store of its own, asked as a frontend asks it.
final class IdentityFixture: Sendable {
    /// What a request was answered with.
    struct Answer: Equatable {
        var status: Int
        var body: String

        /// The text of the first element of that name; nil when there is none.
        func text(_ name: String) -> String? { texts(name).first }

        /// The texts of all elements of that name that hold text only.
        func texts(_ name: String) -> [String] {
            body.split(separator: "<\(name)>", omittingEmptySubsequences: false).dropFirst().map { rest in
                String(rest.prefix { $0 != "<" })
            }
        }
    }

    static let caller = CallerIdentity(accountID: "000000000000", arn: "arn:aws:iam::000000000000:root", userID: "AIDA")
    static let trust = """
        {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},\
        "Action":"sts:AssumeRole"}]}
        """
    static let permissions = """
        {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}
        """
    static let basicExecution = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"

    private final class Clock: Sendable {
        let milliseconds = Atomic<Int>(1_780_000_000_123)
    }

    let store: any RoleStore
    private let service: IdentityService
    private let directory: TemporaryDirectory
    private let clock = Clock()

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLMetadataStore(sqliteFile: "\(directory.path)/metadata.sqlite")
        service = IdentityService(
            store: store,
            locality: Locality(accountID: "000000000000", region: "eu-west-1")
        ) { [clock] in
            Timestamp(milliseconds: clock.milliseconds.load(ordering: .relaxed))
        }
    }

    func advance(milliseconds: Int) {
        clock.milliseconds.wrappingAdd(milliseconds, ordering: .relaxed)
    }

    /// Asks for an operation of IAM.
    func ask(_ action: String, _ parameters: KeyValuePairs<String, String> = [:]) async -> Answer {
        await ask(.iam, [("Action", action), ("Version", "2010-05-08")] + parameters.map { ($0.key, $0.value) })
    }

    func ask(_ service: QueryService, _ form: [(String, String)]) async -> Answer {
        let answer = await self.service.respond(
            service: service,
            form: form,
            caller: Self.caller,
            requestID: RequestID("request")
        )
        #expect(answer.failure == nil)
        return Answer(status: answer.status, body: answer.body)
    }

    /// Asks with a form that is not taken apart yet.
    func ask(_ service: QueryService, urlEncoded form: String) async -> Answer {
        let answer = await self.service.respond(
            service: service,
            urlEncoded: form,
            caller: Self.caller,
            requestID: RequestID("request")
        )
        #expect(answer.failure == nil)
        return Answer(status: answer.status, body: answer.body)
    }

    /// Asks for what must succeed.
    @discardableResult
    func must(
        _ action: String,
        _ parameters: KeyValuePairs<String, String> = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> Answer {
        let answer = await ask(action, parameters)
        #expect(answer.status == 200, "\(answer.body)", sourceLocation: sourceLocation)
        return answer
    }

    /// Asks for what must be refused with that status, code and text.
    func refuse(
        _ status: Int,
        _ code: String,
        _ message: String,
        _ action: String,
        _ parameters: KeyValuePairs<String, String> = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let answer = await ask(action, parameters)
        #expect(answer.status == status, sourceLocation: sourceLocation)
        #expect(answer.text("Code") == code, sourceLocation: sourceLocation)
        let text = answer.text("Message")?.replacing("&quot;", with: "\"")
        #expect(text == message, sourceLocation: sourceLocation)
    }

    func createRole(_ name: String, path: String = "/") async {
        await must("CreateRole", ["RoleName": name, "Path": path, "AssumeRolePolicyDocument": Self.trust])
    }

    /// Creates a policy and returns its ARN.
    func createPolicy(_ name: String, path: String = "/") async -> String {
        let answer = await must(
            "CreatePolicy",
            ["PolicyName": name, "Path": path, "PolicyDocument": Self.permissions]
        )
        return answer.text("Arn") ?? ""
    }
}
