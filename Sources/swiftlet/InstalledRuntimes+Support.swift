import ControlPlane
import LambdaAPI
import Worker

/// The runtimes of a host, in each kind of sandbox that it has.
struct HostRuntimes: RuntimeSupport {
    let runtimes: [SandboxKind: InstalledRuntimes]
    /// What functions run in that have not chosen.
    let standardSandbox: SandboxKind

    /// Those of functions that have not chosen.
    var standard: InstalledRuntimes {
        guard let standard = runtimes[standardSandbox] else {
            preconditionFailure("runtimes were not looked for in the first kind of sandboxes")
        }
        return standard
    }

    var architecture: String { standard.architecture }

    /// What the control plane asks, answered by the host's own worker.
    func obstacle(runtime: String, architecture: String, in sandbox: SandboxKind?) -> String? {
        guard let runtimes = runtimes[sandbox ?? standardSandbox] else {
            let kinds = "\(standardSandbox),\(sandbox ?? standardSandbox)"
            return
                "This service has no sandboxes of kind \(sandbox ?? standardSandbox); start it with --sandbox \(kinds)."
        }
        switch runtimes.availability(of: runtime, architecture: architecture) {
        case .available: return nil
        case .unavailable(let reason): return reason
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
