package import FoundationEssentials

/// Lambda's runtimes as `catalogue.json` describes them: how each is started, what it needs from the host, and how
/// to get it. Says nothing about what this host has; ``InstalledRuntimes`` does.
package struct RuntimeCatalogue: Sendable {
    /// Every runtime, in the catalogue's order, which is the order to list them in.
    package let runtimes: [RuntimeDefinition]

    private let indexByIdentifier: [String: Int]

    /// Decodes and resolves a catalogue.
    ///
    /// - Throws: `.malformed` naming what is wrong, `.unsupportedVersion` for a format of another version.
    package init(json: Data) throws(RuntimeCatalogueError) {
        let file: CatalogueFile
        do {
            file = try JSONDecoder().decode(CatalogueFile.self, from: json)
        } catch {
            throw RuntimeCatalogueError(.malformed, "failed to decode the catalogue of runtimes: \(error)")
        }
        guard file.schemaVersion == CatalogueFile.schemaVersion else {
            throw RuntimeCatalogueError(
                .unsupportedVersion,
                "the catalogue of runtimes has schema version \(file.schemaVersion), not \(CatalogueFile.schemaVersion)"
            )
        }
        var runtimes: [RuntimeDefinition] = []
        var indexByIdentifier: [String: Int] = [:]
        for runtime in file.runtimes {
            guard indexByIdentifier.updateValue(runtimes.count, forKey: runtime.identifier) == nil else {
                throw RuntimeCatalogueError(.malformed, "runtime \(runtime.identifier) stands twice in the catalogue")
            }
            runtimes.append(try Self.resolve(runtime, in: file))
        }
        self.runtimes = runtimes
        self.indexByIdentifier = indexByIdentifier
    }

    /// What is known about a runtime; `nil` for an identifier that Lambda does not have.
    package subscript(identifier: String) -> RuntimeDefinition? {
        indexByIdentifier[identifier].map { runtimes[$0] }
    }

    private static func resolve(
        _ runtime: CatalogueFile.Runtime,
        in file: CatalogueFile
    ) throws(RuntimeCatalogueError) -> RuntimeDefinition {
        guard let family = file.families[runtime.family] else {
            throw RuntimeCatalogueError(
                .malformed,
                "runtime \(runtime.identifier) is of family \(runtime.family), which is not described"
            )
        }
        let resolver = Resolver(values: .init(runtime: runtime.identifier, version: runtime.version))
        return RuntimeDefinition(
            identifier: runtime.identifier,
            family: runtime.family,
            version: runtime.version,
            status: runtime.status,
            installHint: try resolver.text(runtime.install ?? family.install ?? ""),
            launch: try family.launch.map { launch throws(RuntimeCatalogueError) in
                try resolver.launch(launch, of: runtime, under: file.environment)
            }
        )
    }
}

/// Puts one runtime's values into the texts of its family.
private struct Resolver {
    var values: PlaceholderText.Values

    func parse(_ text: String) throws(RuntimeCatalogueError) -> PlaceholderText {
        guard let parsed = PlaceholderText(text) else {
            throw RuntimeCatalogueError(
                .malformed,
                "runtime \(values.runtime) has a text with a bad placeholder: \(text)"
            )
        }
        return parsed
    }

    func text(_ text: String) throws(RuntimeCatalogueError) -> String {
        try parse(text).expanded(values)
    }

    func texts(_ texts: [String]) throws(RuntimeCatalogueError) -> [String] {
        try texts.map { text throws(RuntimeCatalogueError) in try self.text(text) }
    }

    func launch(
        _ launch: CatalogueFile.Launch,
        of runtime: CatalogueFile.Runtime,
        under common: [String: String?]
    ) throws(RuntimeCatalogueError) -> RuntimeDefinition.Launch {
        let versions = [runtime.version] + (runtime.standIns ?? [])
        guard Set(versions).count == versions.count else {
            throw RuntimeCatalogueError(.malformed, "runtime \(values.runtime) has a stand-in twice, or is its own")
        }
        var environment: [String: String] = [:]
        for layer in [common, launch.environment ?? [:], runtime.environment ?? [:]] {
            for (key, value) in layer {
                environment[key] = try value.map { value throws(RuntimeCatalogueError) in try text(value) }
            }
        }
        return RuntimeDefinition.Launch(
            interpreters: try versions.map { version throws(RuntimeCatalogueError) in
                var resolver = self
                resolver.values.version = version
                return try resolver.interpreter(launch)
            },
            isFromPackage: launch.fromPackage ?? false,
            arguments: try launch.arguments.map { argument throws(RuntimeCatalogueError) in try parse(argument) },
            directory: try launch.directory.map { directory throws(RuntimeCatalogueError) in try text(directory) },
            requiredFiles: try texts(launch.requiredFiles ?? []),
            environment: environment,
            canWait: launch.canWait ?? false,
            canBeCopied: launch.canBeCopied ?? false
        )
    }

    private func interpreter(
        _ launch: CatalogueFile.Launch
    ) throws(RuntimeCatalogueError) -> RuntimeDefinition.Interpreter {
        let executables = try texts(launch.executables)
        if let relative = executables.first(where: { !$0.hasPrefix("/") }) {
            throw RuntimeCatalogueError(.malformed, "runtime \(values.runtime) has a relative executable: \(relative)")
        }
        guard !executables.isEmpty else {
            throw RuntimeCatalogueError(.malformed, "runtime \(values.runtime) has no executable")
        }
        return RuntimeDefinition.Interpreter(
            version: values.version,
            executables: executables,
            versionCheck: try launch.versionCheck.map { check throws(RuntimeCatalogueError) in
                .init(arguments: check.arguments, prefix: try text(check.prefix))
            }
        )
    }
}
