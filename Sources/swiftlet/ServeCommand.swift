import ArgumentParser
import Configuration
import SystemPackage

/// `swiftlet serve`: everything in one process.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the Lambda API.",
        discussion: """
            Every option can also be set in the environment (SWIFTLET_LISTEN for --listen) or in a JSON file named by \
            --config ({"listen": "127.0.0.1:9000"}). The command line comes first, then the environment, then the file.
            """
    )

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let configuration = try await ServeConfiguration(reader: options.reader())
        try await Server(configuration: configuration).run()
    }
}
