import ArgumentParser
import Developer
import FleetStatus
import Foundation

/// `swiftlet status`: what there is, and what is wrong.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the fleet, or the one host: first what is wrong.",
        discussion: """
            Frontends, managers and workers with their leases and releases; partitions, environments and memory; and what is \
            wrong or will be soon. The status is 1 if something is.
            """
    )

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let report = try await server.client().fleet()
        let text =
            json
            ? String(decoding: try FleetDocument.bytes(of: report, isPretty: true), as: UTF8.self)
            : report.text(at: Date())
        print(text)
        if !report.problems.isEmpty { throw ExitCode(1) }
    }
}

/// `swiftlet placement`: where functions go.
struct PlacementCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "placement",
        abstract: "Show why environments are placed where they are.",
        subcommands: [ExplainCommand.self]
    )

    /// `swiftlet placement explain`
    struct ExplainCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain",
            abstract:
                "Show where the next environment of a function would be placed, and what speaks against each worker."
        )

        @Argument(help: "The function's name or ARN, with a version or alias behind it if need be.")
        var function: String

        @Flag(help: "Print JSON.")
        var json = false

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let (explanation, document) = try await server.client().placement(of: function)
            print(json ? document : "\(explanation)")
        }
    }
}
