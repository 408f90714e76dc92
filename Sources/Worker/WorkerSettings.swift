package import LambdaAPI
package import NIOCore
import Sandbox

/// The limits and times that hold for all environments of a worker.
package struct WorkerSettings: Sendable {
    /// How long a function's initialisation may take, in seconds. Source: `spec/runtime-api.md` section 5.
    package var initialisationTimeoutSeconds = Int(Limits.initialisation.components.seconds)
    /// How long an environment stays idle before it is frozen. Freezing and thawing cost more than a warm invoke, so
    /// an environment that is at once given its next event should not be frozen in between.
    package var freezeDelay: TimeAmount = .milliseconds(10)
    /// The largest response, in bytes.
    package var responseBytesMax = Limits.responsePayloadMax.bytes
    /// The most processes and threads of an environment.
    package var processesMax = Limits.processesMax
    /// What functions can reach.
    package var network = NetworkPolicy()

    /// The most sandboxes that wait for functions of one runtime; 0 for none, so that every cold start is from nothing.
    package var waitingSandboxesMax = 0
    /// The most memory that all sandboxes that wait may use together.
    package var waitingMemoryMax = ByteCount.mebibytes(512)

    /// How many environments may start at a time; see ``StartGate``.
    package var startsMax = max(16, 8 * System.coreCount)
    /// How long one counts as starting, whatever it waits for.
    package var startPatience: TimeAmount = .seconds(1)

    package init() {}

    var initialisationTimeout: TimeAmount { .seconds(Int64(initialisationTimeoutSeconds)) }

    /// A function's share of CPU time grows with its memory.
    func cpuLimit(memoryMegabytes: Int) -> CPULimit {
        .thousandths(max(1, memoryMegabytes * 1000 / Limits.memorySizeOfOneCPUMB))
    }
}
