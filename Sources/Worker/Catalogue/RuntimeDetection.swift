package import Sandbox

/// A runtime that the host has: which interpreter and which files.
package struct RuntimeInstallation: Sendable, Hashable {
    /// Paths inside the sandbox, in order; see ``LaunchPlan/executables``.
    package let executables: [String]
    /// The host's directory to show at `/var/runtime`; `nil` for a runtime that has none.
    package let directory: String?
    /// The version of the interpreter where it is not the runtime's own but a nearby one that stands in for it; `nil`
    /// for the real one.
    ///
    /// Code that needs what the other version lacks will fail, and extensions that were compiled for the one will not
    /// load into the other, so whoever lists or uses such a runtime has to say it.
    package let standInVersion: String?
    /// The userland that has the interpreter; `nil` for the host's.
    package var userland: UserlandID?
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
    /// shows, or else the best of its stand-ins, and a directory with the runtime client. Pure but for what it asks
    /// the host.
    ///
    /// - Parameter directories: The runtimes directories, absolute, searched in order.
    func availability(on host: any RuntimeHost, directories: [String]) -> RuntimeAvailability {
        guard let launch else {
            return unavailable("is not supported yet")
        }
        var executables = launch.interpreters[0].executables
        var standInVersion: String?
        if !launch.isFromPackage {
            guard let found = interpreter(of: launch, on: host) else {
                return unavailable("is not installed: \(obstacle(to: launch.interpreters[0], on: host))")
            }
            executables = [found.executable]
            standInVersion = found.version == version ? nil : found.version
        }
        guard let name = launch.directory else {
            return .available(
                RuntimeInstallation(executables: executables, directory: nil, standInVersion: standInVersion)
            )
        }
        let directory = directories.lazy.map { "\($0)/\(name)" }.first { directory in
            launch.requiredFiles.allSatisfy { host.isFile("\(directory)/\($0)") }
        }
        guard let directory else {
            return unavailable("lacks its runtime client: no \(name) directory holds it")
        }
        return .available(
            RuntimeInstallation(executables: executables, directory: directory, standInVersion: standInVersion)
        )
    }

    /// The first interpreter that the host has.
    private func interpreter(of launch: Launch, on host: any RuntimeHost) -> (version: String, executable: String)? {
        for interpreter in launch.interpreters {
            let executable = interpreter.executables.first {
                host.isExecutable($0) && passes(interpreter.versionCheck, $0, on: host)
            }
            if let executable { return (interpreter.version, executable) }
        }
        return nil
    }

    private func obstacle(to interpreter: Interpreter, on host: any RuntimeHost) -> String {
        let present = interpreter.executables.filter(host.isExecutable)
        return present.isEmpty
            ? "there is no \(interpreter.executables.joined(separator: " or "))"
            : "\(present.joined(separator: ", ")) is of another version"
    }

    private func passes(_ check: VersionCheck?, _ executable: String, on host: any RuntimeHost) -> Bool {
        guard let check else { return true }
        return host.output(of: executable, arguments: check.arguments)?.hasPrefix(check.prefix) ?? false
    }

    private func unavailable(_ reason: String) -> RuntimeAvailability {
        let hint = installHint.isEmpty ? "" : "; \(installHint)"
        return .unavailable(reason: "Runtime \(identifier) \(reason)\(hint).")
    }
}
