import ArgumentParser
import Developer
import FleetStatus
import Foundation

// `swiftlet worker cordon|uncordon|drain|resume`: what operators order of workers.

/// Which worker is meant, and which service is asked.
struct WorkerOrderOptions: ParsableArguments {
    @Argument(help: "The worker's name.")
    var name: String

    @OptionGroup var server: ServerOptions

    func order(_ order: WorkerOrder) async throws {
        try await server.client().order(order, of: name)
    }
}

/// `swiftlet worker cordon`
struct CordonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cordon",
        abstract: "Give a worker no new environments; what it has stays. It stays so across restarts."
    )

    @OptionGroup var options: WorkerOrderOptions

    func run() async throws {
        try await options.order(.cordon)
        print("\(options.name) gets no new environments")
    }
}

/// `swiftlet worker uncordon`
struct UncordonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uncordon",
        abstract: "Give a worker new environments again."
    )

    @OptionGroup var options: WorkerOrderOptions

    func run() async throws {
        try await options.order(.uncordon)
        print("\(options.name) may get new environments")
    }
}

/// `swiftlet worker resume`
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let a worker that was drained have environments again."
    )

    @OptionGroup var options: WorkerOrderOptions

    func run() async throws {
        try await options.order(.resume)
        print("\(options.name) may have environments again")
    }
}

/// `swiftlet worker drain`
struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Have a worker finish what it has and end its environments. It stays so across restarts.",
        discussion: """
            Returns once the order is stored; with --wait, once the worker has no environments any more, or is no member of \
            the fleet.
            """
    )

    @OptionGroup var options: WorkerOrderOptions

    @Flag(help: "Wait until the worker has no environments.")
    var wait = false

    @Option(help: "How long to wait at most, in seconds.")
    var timeout = 1800

    private static let interval = Duration.seconds(1)

    func run() async throws {
        try await options.order(.drain)
        guard wait else { return print("\(options.name) is being drained") }
        let client = try options.server.client()
        let deadline = ContinuousClock.now + .seconds(timeout)
        var left: String?
        while ContinuousClock.now < deadline {
            let worker = try await client.fleet().workers.first { $0.name == options.name && $0.member != nil }
            guard let worker else { return print("\(options.name) is no member of the fleet any more") }
            guard !worker.isEmptied else { return print("\(options.name) is drained") }
            let counts = max(worker.environments.all, worker.environmentsOfAll)
            let now = "\(counts) environment\(counts == 1 ? "" : "s") left"
            if now != left { FileHandle.standardError.write(Data("\(now)\n".utf8)) }
            left = now
            try await Task.sleep(for: Self.interval)
        }
        throw DeveloperError(
            "\(options.name) is not drained after \(timeout) s: \(left ?? "nothing is known of it"); the order stays"
        )
    }
}
