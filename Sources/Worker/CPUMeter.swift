import NIOPosix
import Sandbox
import Synchronization

/// Tells how much CPU time environments have used.
package final class CPUMeter: Sendable {
    private let sandboxes = Mutex<[EnvironmentID: any Sandbox]>([:])

    /// An environment's processes run in this sandbox.
    func began(_ environment: EnvironmentID, in sandbox: any Sandbox) {
        sandboxes.withLock { $0[environment] = sandbox }
    }

    /// An environment is at its end.
    func ended(_ environment: EnvironmentID) {
        sandboxes.withLock { $0[environment] = nil }
    }

    /// What each of these environments has used so far, in nanoseconds; without those that are not there or of which the host
    /// cannot tell. Does its work on a thread pool, since it opens a file for each.
    package func nanoseconds(of environments: [EnvironmentID]) async -> [EnvironmentID: Int] {
        let known = sandboxes.withLock { sandboxes in
            environments.compactMap { id in sandboxes[id].map { (id, $0) } }
        }
        let read = { @Sendable in
            Dictionary(known.compactMap { id, sandbox in sandbox.cpuNanoseconds().map { (id, $0) } }) { $1 }
        }
        // The pool is there as long as the process is.
        return (try? await NIOThreadPool.singleton.runIfActive(read)) ?? [:]
    }
}
