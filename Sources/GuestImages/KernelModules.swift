/// Which modules of a kernel to load, in which order. Pure.
package struct KernelModules: Sendable {
    /// The modules that each needs, by its path; those that they need in turn included.
    private let needs: [String: [String]]

    /// - Parameter dependencies: The text of `modules.dep`: a line for each module, with those that it needs after it, such
    ///   that each comes before those that it needs itself.
    package init(dependencies: String) {
        var needs: [String: [String]] = [:]
        for line in dependencies.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard let path = parts.first else { continue }
            needs[String(path)] = parts.dropFirst().first?.split(separator: " ").map(String.init) ?? []
        }
        self.needs = needs
    }

    /// The paths to load for modules of these names, each after those that it needs. Names that the kernel has no module of are
    /// passed over: they may be built in.
    package func loadOrder(_ names: [String]) -> [String] {
        var order: [String] = []
        for name in names {
            guard let path = needs.keys.first(where: { Self.name(of: $0) == name }) else { continue }
            for needed in (needs[path] ?? []).reversed() + [path] where !order.contains(needed) { order.append(needed) }
        }
        return order
    }

    /// The name of the module in this file: dashes and underscores are the same to the kernel.
    static func name(of path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let stem = file.split(separator: ".").first.map(String.init) ?? file
        return String(stem.map { $0 == "-" ? "_" : $0 })
    }
}
