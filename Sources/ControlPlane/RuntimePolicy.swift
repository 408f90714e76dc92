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
        let current = (Runtime.allValues.map(\.rawValue) + added).filter { !retired.contains($0) }
        guard current.contains(runtime) else { throw .unknownRuntime(runtime, known: current) }
    }
}
