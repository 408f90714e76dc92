import ArgumentParser
import Telemetry

/// The command line: one command per role, and a few to look around with.
@main
struct Swiftlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "AWS Lambda that you run yourself.",
        version: Release.version,
        subcommands: [
            ServeCommand.self, FrontendCommand.self, ManagerCommand.self, WorkerCommand.self, DevCommand.self,
            StatusCommand.self, PlacementCommand.self, RecycleCommand.self, QueueCommand.self, RuntimesCommand.self,
            UserCommand.self, CertCommand.self, CACommand.self, ImageCommand.self, DoctorCommand.self,
        ]
    )
}
