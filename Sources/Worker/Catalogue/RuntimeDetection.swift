/// A runtime that the host has: which interpreter and which files.
package struct RuntimeInstallation: Sendable, Hashable {
    /// Paths inside the sandbox, in order; see ``LaunchPlan/executables``.
    package let executables: [String]
    /// The host's directory to show at `/var/runtime`; `nil` for a runtime that has none.
    package let directory: String?
}

/// Whether functions of a runtime can run here.
package enum RuntimeAvailability: Sendable, Hashable {
    /// They can.
    case available(RuntimeInstallation)
    /// They cannot; the reason is for the function's `StateReason` and says how to change that.
    case unavailable(reason: String)
}

extension RuntimeDefinition {
    /// Decides whether a host has this runtime: an interpreter of the right version that the sandbox's userland
    /// shows, and a directory with the runtime client. Pure but for what it asks the host.
    ///
    /// - Parameter directories: The runtimes directories, absolute, searched in order.
    func availability(on host: some RuntimeHost, directories: [String]) -> RuntimeAvailability {
        guard let launch else {
            return unavailable("is not supported yet")
        }
        var executables = launch.executables
        if !launch.isFromPackage {
            let present = executables.filter(host.isExecutable)
            guard !present.isEmpty else {
                return unavailable("is not installed: there is no \(executables.joined(separator: " or "))")
            }
            guard let executable = present.first(where: { passes(launch.versionCheck, $0, on: host) }) else {
                return unavailable("is not installed: \(present.joined(separator: ", ")) is of another version")
            }
            executables = [executable]
        }
        guard let name = launch.directory else {
            return .available(RuntimeInstallation(executables: executables, directory: nil))
        }
        let directory = directories.lazy.map { "\($0)/\(name)" }.first { directory in
            launch.requiredFiles.allSatisfy { host.isFile("\(directory)/\($0)") }
        }
        guard let directory else {
            return unavailable("lacks its runtime client: no \(name) directory holds it")
        }
        return .available(RuntimeInstallation(executables: executables, directory: directory))
    }

    private func passes(_ check: VersionCheck?, _ executable: String, on host: some RuntimeHost) -> Bool {
        guard let check else { return true }
        return host.output(of: executable, arguments: check.arguments)?.hasPrefix(check.prefix) ?? false
    }

    private func unavailable(_ reason: String) -> RuntimeAvailability {
        let hint = installHint.isEmpty ? "" : "; \(installHint)"
        return .unavailable(reason: "Runtime \(identifier) \(reason)\(hint).")
    }
}
