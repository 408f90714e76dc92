import Sandbox

/// The processes of an environment that the platform has started and not seen end.
struct EnvironmentProcesses {
    /// What a process is in its environment.
    enum Role: Hashable, Sendable, Codable {
        case runtime
        case `extension`(String)
    }

    /// To which initialisation they belong.
    private(set) var generation = ProcessGeneration()
    private var running: [Role: SandboxProcess] = [:]

    /// Processes are about to be started, and all before them are forgotten.
    mutating func begin() -> ProcessGeneration {
        generation.advance()
        running = [:]
        return generation
    }

    mutating func started(_ role: Role, _ process: SandboxProcess) {
        running[role] = process
    }

    mutating func ended(_ role: Role) {
        running[role] = nil
    }

    /// All that run.
    var all: [Role: SandboxProcess] { running }

    subscript(role: Role) -> SandboxProcess? { running[role] }
}
