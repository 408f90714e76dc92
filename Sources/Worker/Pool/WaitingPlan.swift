import Sandbox

/// How a sandbox waits for a function: what is there before the function is known. Functions that would wait in the same
/// way can take the same sandbox.
struct WaitingPlan: Hashable, Sendable {
    /// A runtime that has been started and waits to be told of a function.
    struct Runtime: Hashable, Sendable {
        /// The program's path inside.
        var executable: String
        /// Its arguments, the program's name first.
        var arguments: [String]
        /// The variables that it is started with.
        var environment: [String: String]
        /// Whether one can be copied with its machine.
        var canBeCopied: Bool
    }

    /// `nil` where nothing runs: then the function's own program is started when it is known.
    var runtime: Runtime?
    /// What the runtime needs to see.
    var mounts: [ReadOnlyMount]
    /// The programs that it has; `nil` for the host's.
    var userland: UserlandID?
    /// The memory that the sandbox is made with, in bytes: any function may use it that has as much, or less than the engine
    /// makes a difference of.
    var memoryBytes: Int
}

extension LaunchPlan {
    /// How a sandbox for a function would have waited.
    ///
    /// - Parameters:
    ///   - variables: Those of the function. Where one of them has its effect when a program is executed and only then, the
    ///     runtime cannot have been started before.
    ///   - memoryBytes: What the sandbox is made with.
    func waitingPlan(variables: EnvironmentVariables, memoryBytes: Int) -> WaitingPlan {
        let empty = WaitingPlan(runtime: nil, mounts: mounts, userland: userland, memoryBytes: memoryBytes)
        guard let waitingArguments, let executable = executables.first else { return empty }
        let started = WaitingPlan.Runtime(
            executable: executable,
            arguments: [executable] + waitingArguments,
            environment: environment.merging(EnvironmentVariables.sameForAll) { $1 },
            canBeCopied: canBeCopied
        )
        guard variables.agree(with: started.environment) else { return empty }
        return WaitingPlan(runtime: started, mounts: mounts, userland: userland, memoryBytes: memoryBytes)
    }
}

extension EnvironmentVariables {
    /// The beginnings of the names of variables that take effect as a program is executed, or as a runtime starts: those
    /// of the dynamic linker, the C library, the interpreters and the libraries in them.
    private static let startPrefixes = [
        "LD_", "LC_", "MALLOC_", "GLIBC_", "GCONV_", "PYTHON", "NODE_", "UV_", "OPENSSL_", "SSL_", "ICU_",
    ]

    /// Further such variables.
    private static let startNames: Set<String> = [
        "LANG", "LANGUAGE", "LOCPATH", "NLSPATH", "TZDIR", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS",
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_EXEC_WRAPPER", "AWS_LAMBDA_RUNTIME_API",
    ]

    /// Whether a process that was started with other variables can take these on: none of those that differ has its effect
    /// at the start only.
    func agree(with started: [String: String]) -> Bool {
        Set(values.keys).union(started.keys).allSatisfy { name in
            values[name] == started[name] || !Self.isForStart(name)
        }
    }

    private static func isForStart(_ name: String) -> Bool {
        startNames.contains(name) || startPrefixes.contains { name.hasPrefix($0) }
    }
}
