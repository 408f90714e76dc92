/// What an environment asks of the task that looks after its sandbox; carried out one after the other.
enum EnvironmentCommand: Sendable {
    /// Start the extensions or, where there are none, the runtime.
    case startProcesses(ProcessGeneration)
    /// Start the runtime.
    case startRuntime(ProcessGeneration)
    /// Keep the sandbox as a snapshot, and say what came of it.
    case takeSnapshot
    /// Kill every process, and say when the last is gone.
    case endProcesses
}

/// Tells the processes of one initialisation from those of another in the same environment.
struct ProcessGeneration: Hashable, Sendable {
    private(set) var number = 0

    mutating func advance() {
        number += 1
    }
}
