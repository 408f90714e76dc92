package import Sandbox

/// One thing that every sandbox does, of whatever engine.
package struct SandboxCheck: Sendable, CustomStringConvertible {
    package let description: String
    /// Throws a ``BrokenPromise`` if it is not so. Leaves no sandbox behind.
    package let run: @Sendable (any SandboxEngine) async throws -> Void

    init(_ description: String, _ run: @escaping @Sendable (any SandboxEngine) async throws -> Void) {
        self.description = description
        self.run = run
    }

    /// One that is about a single sandbox.
    init(
        _ description: String,
        in specification: SandboxSpecification,
        _ run: @escaping @Sendable (any Sandbox) async throws -> Void
    ) {
        self.init(description) { engine in
            var specification = specification
            specification.id = SandboxID("check-\(UInt32.random(in: 0...UInt32.max))")
            try await engine.withSandbox(specification, run)
        }
    }
}

/// A sandbox does not do what all do.
package struct BrokenPromise: Error, CustomStringConvertible {
    package let description: String
}

/// Throws unless a condition holds.
func demand(_ condition: Bool, _ told: @autoclosure () -> String, line: Int = #line) throws {
    guard condition else { throw BrokenPromise(description: "line \(line): \(told())") }
}

/// Throws unless `body` throws a sandbox's error of this code.
func demandError(
    _ code: SandboxError.Code,
    errno: CInt? = nil,
    line: Int = #line,
    _ body: () async throws -> Void
) async throws {
    do {
        try await body()
    } catch let error as SandboxError {
        return try demand(error.code == code && (errno == nil || error.errno == errno), "\(error)", line: line)
    }
    throw BrokenPromise(description: "line \(line): no error")
}

extension SandboxEngine {
    /// Runs a body with a sandbox, and destroys it afterwards.
    package func withSandbox(
        _ specification: SandboxSpecification = .test(),
        _ body: (any Sandbox) async throws -> Void
    ) async throws {
        let sandbox = try await createSandbox(specification)
        do {
            try await body(sandbox)
        } catch {
            await sandbox.destroy()
            throw error
        }
        await sandbox.destroy()
    }
}

extension Sandbox {
    /// Runs a Python program to its end.
    package func python(_ program: String, _ arguments: [String] = []) async throws -> (
        exit: ProcessExit?, output: String
    ) {
        try await run("/usr/bin/python3.11", ["-c", program] + arguments)
    }
}
