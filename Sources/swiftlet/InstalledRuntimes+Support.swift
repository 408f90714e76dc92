import ControlPlane
import Worker

/// What the control plane asks about runtimes, answered by the host's own worker.
extension InstalledRuntimes: RuntimeSupport {
    package func obstacle(runtime: String, architecture: String) -> String? {
        switch availability(of: runtime, architecture: architecture) {
        case .available: nil
        case .unavailable(let reason): reason
        }
    }
}

extension InstalledRuntimes {
    /// What sandboxes must see of the host beyond the usual: interpreters that the administrator has put into
    /// `/usr/local`, with their libraries, and nothing of it as long as no runtime needs it.
    var extraUserlandPaths: [String] {
        let isLocal = list.contains { listed in
            guard case .available(let installation) = listed.availability else { return false }
            return installation.executables.contains { $0.hasPrefix("/usr/local/") }
        }
        return isLocal ? ["/usr/local/bin", "/usr/local/lib"] : []
    }
}
