import Glibc
import Logging
import Telemetry

/// How many files and sockets the process may have open.
enum DescriptorLimit {
    /// What an idle environment holds open, roughly: its groups, its pipe, its log, its sockets.
    private static let perEnvironment: rlim_t = 16

    /// Raises the limit to what the host allows; the usual one, 1024, is enough for some sixty environments.
    static func raise(logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return logger.warning("the limit on open files could not be raised")
        }
        if limit.rlim_max < 1000 * perEnvironment {
            logger.warning(
                "the host's limit on open files allows few environments",
                metadata: [LogKey.count: "\(limit.rlim_max / perEnvironment)"]
            )
        }
    }
}
