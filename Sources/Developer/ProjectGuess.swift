/// What a directory's files say about its function, for whoever does not say it.
package struct ProjectGuess: Sendable, Equatable {
    /// The beginning of the runtime's identifier, such as `python`.
    package let family: String
    package let handler: String

    /// By the names that Lambda's own console and tools give to files.
    private static let known: [(file: String, family: String, handler: String)] = [
        ("bootstrap", "provided.", "bootstrap"),
        ("lambda_function.py", "python", "lambda_function.lambda_handler"),
        ("app.py", "python", "app.handler"),
        ("index.mjs", "nodejs", "index.handler"),
        ("index.js", "nodejs", "index.handler"),
        ("index.cjs", "nodejs", "index.handler"),
        ("app.mjs", "nodejs", "app.handler"),
        ("app.js", "nodejs", "app.handler"),
    ]

    /// Nil if no file has a name that says anything.
    package init?(paths: [String]) {
        let files = Set(paths)
        guard let match = Self.known.first(where: { files.contains($0.file) }) else { return nil }
        (family, handler) = (match.family, match.handler)
    }

    /// The newest runtime of the family.
    package func runtime(among available: [String]) -> String? {
        available.filter { $0.hasPrefix(family) }
            .max { Self.numbers($0).lexicographicallyPrecedes(Self.numbers($1)) }
    }

    private static func numbers(_ runtime: String) -> [Int] {
        runtime.split { !$0.isASCII || !$0.isNumber }.compactMap { Int($0) }
    }
}
