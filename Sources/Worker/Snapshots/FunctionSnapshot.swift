import Foundation
import RuntimeAPI
import Sandbox

/// An environment as it was when its function had initialised: environments of the same version go on from there.
struct FunctionSnapshot: Sendable {
    let sandbox: any SandboxSnapshot
    let standing: EnvironmentStanding

    private static func path(_ directory: String) -> String { "\(directory)/environment.json" }

    /// Writes it to a directory that is new. Takes a second or so, without giving up the thread.
    func save(in directory: String, by copier: any SandboxCopier) throws {
        try copier.save(sandbox, in: directory)
        try JSONEncoder().encode(standing).write(to: URL(fileURLWithPath: Self.path(directory)))
    }

    /// Reads back what was written. Takes as long.
    static func load(from directory: String, by copier: any SandboxCopier) throws -> FunctionSnapshot {
        let standing = try JSONDecoder().decode(
            EnvironmentStanding.self,
            from: try Data(contentsOf: URL(fileURLWithPath: path(directory)))
        )
        return FunctionSnapshot(sandbox: try copier.loadSnapshot(from: directory), standing: standing)
    }
}

/// What the service has to know of an environment to go on with a copy of it.
struct EnvironmentStanding: Sendable, Codable, Equatable {
    /// A process that runs in it.
    struct Process: Sendable, Codable, Equatable {
        let role: EnvironmentProcesses.Role
        let number: UInt64

        var process: SandboxProcess { SandboxProcess(number) }
    }

    let processes: [Process]
    let runtimeAPI: RuntimeAPIStanding
    let subscriptions: [TelemetrySubscription]
    /// What processes were told to show at the endpoints for credentials and metadata.
    let authorizationToken: String
    let metadataToken: String
}
