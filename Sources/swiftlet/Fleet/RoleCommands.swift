import ArgumentParser
import HostIdentity

/// `swiftlet frontend`: one role of a fleet.
struct FrontendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frontend",
        abstract: "Serve the Lambda API in a fleet of many hosts.",
        discussion: roleDiscussion
    )

    @OptionGroup var options: ServiceOptions
    @OptionGroup var fleet: FleetOptions

    func run() async throws {
        let (configuration, fleet) = try await configurations(.frontend, options, fleet)
        try await FrontendProcess(configuration: configuration, fleet: fleet).run()
    }
}

/// `swiftlet manager`: one role of a fleet.
struct ManagerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manager",
        abstract: "Assign invokes to environments in a fleet of many hosts.",
        discussion: roleDiscussion
    )

    @OptionGroup var options: ServiceOptions
    @OptionGroup var fleet: FleetOptions

    func run() async throws {
        let (configuration, fleet) = try await configurations(.manager, options, fleet)
        try await ManagerProcess(configuration: configuration, fleet: fleet).run()
    }
}

/// `swiftlet worker`: one role of a fleet; and what operators order of workers.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run functions in a fleet of many hosts; or order something of a worker.",
        discussion: roleDiscussion,
        subcommands: [
            WorkerRunCommand.self, CordonCommand.self, UncordonCommand.self, DrainCommand.self, ResumeCommand.self,
        ],
        defaultSubcommand: WorkerRunCommand.self
    )
}

/// `swiftlet worker run`, which is what `swiftlet worker` alone does.
struct WorkerRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run functions in a fleet of many hosts.",
        discussion: roleDiscussion
    )

    @OptionGroup var options: ServiceOptions
    @OptionGroup var fleet: FleetOptions

    func run() async throws {
        let (configuration, fleet) = try await configurations(.worker, options, fleet)
        try await WorkerProcess(configuration: configuration, fleet: fleet).run()
    }
}

private let roleDiscussion = """
    The roles share a PostgreSQL server, which SWIFTLET_POSTGRES names, and a bucket for packages (--code-bucket), and know \
    each other by the certificates of 'swiftlet ca'. Every option can also be set in the environment (SWIFTLET_ZONE for \
    --zone) or in a JSON file named by --config.
    """

private func configurations(
    _ role: HostRole,
    _ options: ServiceOptions,
    _ fleet: FleetOptions
) async throws -> (ServeConfiguration, FleetConfiguration) {
    let reader = try await options.reader(and: fleet.values)
    let configuration = try await ServeConfiguration(reader: reader)
    return (
        configuration,
        try await FleetConfiguration(role, reader: reader, dataDirectory: configuration.dataDirectory)
    )
}
