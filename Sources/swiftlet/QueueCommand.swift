import ArgumentParser
import Developer

/// `swiftlet queue`: what waits to be run.
struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Show the queue of asynchronous invocations of a running server.",
        subcommands: [ShowCommand.self, PurgeCommand.self],
        defaultSubcommand: ShowCommand.self
    )

    /// `swiftlet queue show`
    struct ShowCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show how many events wait, of which functions and for which destinations.",
            discussion: "The counts at the end are those since the server's start."
        )

        @Flag(help: "Print JSON.")
        var json = false

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let page = try await server.client().queue()
            print(json ? page.json : try page.text)
        }
    }

    /// `swiftlet queue purge`
    struct PurgeCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "purge",
            abstract: "Drop a function's events that wait; those that run go on.",
            discussion: "They are lost: no destination and no dead-letter queue is told of them."
        )

        @Argument(help: "The function's name or ARN.")
        var function: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let count = try await server.client().purgeQueue(of: function)
            print("\(count) event\(count == 1 ? "" : "s") dropped")
        }
    }
}
