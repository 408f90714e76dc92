import LambdaAPI

/// Which runtimes Lambda takes functions for. Source: `spec/control-plane.md` section 7.
enum RuntimePolicy {
    /// Runtimes that are newer than the service model.
    private static let added = [
        "nodejs26.x", "python3.15", "java8.al2023", "java11.al2023", "java17.al2023",
    ]

    /// Runtimes that exist and that no function may be created for or moved to any more.
    private static let retired: Set<String> = [
        "nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x",
        "python2.7", "python3.6", "python3.7", "ruby2.5", "ruby2.7", "java8", "go1.x", "provided", "dotnetcore1.0",
        "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1",
    ]

    /// Throws `InvalidParameterValueException` for a runtime that a function cannot have.
    static func check(_ runtime: String) throws(LambdaError) {
        guard !retired.contains(runtime) else { throw .retiredRuntime(runtime) }
        let current = known.filter { !retired.contains($0) }
        guard current.contains(runtime) else { throw .unknownRuntime(runtime, known: current) }
    }

    /// All runtimes that there ever were, which layers may name.
    private static let known = Runtime.allValues.map(\.rawValue) + added

    private static let valueSet = "Member must satisfy enum value set: [\(known.joined(separator: ", "))]"

    /// Throws `ValidationException` if the runtime that a list of layers asks for is none.
    static func checkName(_ runtime: String?) throws(LambdaError) {
        guard let runtime, !known.contains(runtime) else { return }
        throw .validation(["Value '\(runtime)' at 'compatibleRuntime' failed to satisfy constraint: \(valueSet)"])
    }

    /// Throws `ValidationException` if one of the runtimes that a layer names is none.
    static func checkNames(_ runtimes: [String]?) throws(LambdaError) {
        guard let runtimes, !runtimes.allSatisfy(known.contains) else { return }
        throw .validation([
            "Value '[\(runtimes.joined(separator: ", "))]' at 'compatibleRuntimes' failed to satisfy constraint: "
                + "Member must satisfy constraint: [\(valueSet), Member must not be null]"
        ])
    }
}
