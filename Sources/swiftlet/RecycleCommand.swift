import ArgumentParser
import Developer
import Identity

/// `swiftlet recycle`: what was kept warm is forgotten.
struct RecycleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recycle",
        abstract: "End a function's execution environments in a running server, for a cold start now.",
        discussion: "Idle environments end at once, those at work when they have finished."
    )

    @Argument(help: "The function's name or ARN.")
    var function: String

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let answer = try await server.client().recycle(function)
        print("\(answer) execution environment\(answer == 1 ? "" : "s") recycled")
    }
}

/// How the commands that talk to a running server find it.
struct ServerOptions: ParsableArguments {
    @Option(help: "The running server. (default: AWS_ENDPOINT_URL, or http://127.0.0.1:9000)")
    var endpoint: String?

    func client() throws -> APIClient {
        // What the AWS CLI takes up, too.
        let variable = EnvironmentVariable.value(of:)
        var credentials: Credentials?
        if let id = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") {
            credentials = Credentials(accessKeyID: id, secretAccessKey: secret)
        }
        return try APIClient(
            endpoint: endpoint ?? variable("AWS_ENDPOINT_URL") ?? "http://127.0.0.1:9000",
            credentials: credentials,
            region: variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION") ?? "us-east-1",
            certificateBundle: variable("AWS_CA_BUNDLE")
        )
    }
}
