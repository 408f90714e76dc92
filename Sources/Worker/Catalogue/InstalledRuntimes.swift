import Sandbox

/// The runtimes of this host, found out once at start and never changed: what can run, and how it is started.
package struct InstalledRuntimes: Sendable {
    /// One line of the list: a runtime and whether functions of it can run here.
    package struct Listed: Sendable {
        /// The runtime.
        package let runtime: RuntimeDefinition
        /// Whether functions of it can run here.
        package let availability: RuntimeAvailability

        /// Where an interpreter of another version serves the runtime: which, what that means, and how to get the real
        /// one. A sentence's end, lower case, no full stop.
        package var standInNotice: String? {
            guard case .available(let installation) = availability, let version = installation.standInVersion else {
                return nil
            }
            let hint = runtime.installHint.isEmpty ? "" : "; \(runtime.installHint)"
            return "\(runtime.family) \(version) (\(installation.executables.joined(separator: ", "))) stands in for "
                + "\(runtime.version), which this host lacks: what needs \(runtime.version) fails\(hint)"
        }
    }

    /// Every runtime of the catalogue, in its order.
    package let list: [Listed]
    /// The host's architecture in Lambda's words.
    package let architecture: String

    private let indexByIdentifier: [String: Int]

    /// Asks the host about every runtime of a catalogue.
    ///
    /// Blocks while interpreters are asked for their version (tens of milliseconds; at most a few seconds where one
    /// hangs), so call it once, at start.
    ///
    /// - Parameters:
    ///   - directories: The runtimes directories, absolute, searched in order.
    ///   - userlands: Where interpreters are looked for, in this order.
    ///   - architecture: The host's, in Lambda's words.
    package init(
        catalogue: RuntimeCatalogue,
        directories: [String],
        userlands: [RuntimeUserland],
        architecture: String = LocalRuntimeHost().architecture
    ) {
        let userlands = userlands.map {
            RuntimeUserland(id: $0.id, runtime: $0.runtime, host: RememberingHost($0.host))
        }
        list = catalogue.runtimes.map {
            Listed(runtime: $0, availability: $0.availability(in: userlands, directories: directories))
        }
        indexByIdentifier = Dictionary(
            uniqueKeysWithValues: list.enumerated().map { ($1.runtime.identifier, $0) }
        )
        self.architecture = architecture
    }

    /// Lambda's names of the runtimes that this host has.
    package var availableIdentifiers: [String] {
        list.compactMap { listed in
            guard case .available = listed.availability else { return nil }
            return listed.runtime.identifier
        }
    }

    /// Whether functions of a runtime and architecture can run here.
    ///
    /// - Parameters:
    ///   - identifier: Lambda's name of the runtime, such as `python3.11`.
    ///   - functionArchitecture: `x86_64` or `arm64`.
    package func availability(
        of identifier: String,
        architecture functionArchitecture: String
    ) -> RuntimeAvailability {
        guard functionArchitecture == architecture else {
            return .unavailable(
                reason: "This host is \(architecture); functions for \(functionArchitecture) need another host."
            )
        }
        guard let index = indexByIdentifier[identifier] else {
            return .unavailable(reason: "Runtime \(identifier) is not one of Lambda's.")
        }
        return list[index].availability
    }

    /// What to tell the operator when a function of a runtime is run by an interpreter of another version; `nil` where
    /// the runtime's own does.
    package func standInNotice(for identifier: String) -> String? {
        indexByIdentifier[identifier].flatMap { list[$0].standInNotice }
    }

    /// How to start a function; `nil` when its runtime is not available here.
    ///
    /// - Parameters:
    ///   - identifier: Lambda's name of the runtime.
    ///   - handler: The function's handler, passed on as it is.
    ///   - memoryMebibytes: The function's memory size.
    package func launchPlan(for identifier: String, handler: String, memoryMebibytes: Int) -> LaunchPlan? {
        guard let index = indexByIdentifier[identifier], let launch = list[index].runtime.launch,
            case .available(let installation) = list[index].availability
        else { return nil }
        let values = PlaceholderText.Values(
            runtime: identifier,
            version: list[index].runtime.version,
            handler: handler,
            memoryMebibytes: memoryMebibytes
        )
        return LaunchPlan(
            executables: installation.executables,
            arguments: launch.arguments.map { $0.expanded(values) },
            environment: launch.environment,
            mounts: installation.directory.map { [ReadOnlyMount(source: $0, target: "/var/runtime")] } ?? [],
            userland: installation.userland,
            waitingArguments: launch.canWait
                ? launch.arguments.filter { !$0.namesHandler }.map { $0.expanded(values) } : nil,
            canBeCopied: launch.canBeCopied,
            honoursExecWrapper: !launch.isFromPackage
        )
    }
}
