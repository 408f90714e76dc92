import Logging
import Synchronization
import Telemetry

/// Warns in the log when a runtime is used for the first time that an interpreter of another version serves here.
final class StandInWarnings: Sendable {
    private let runtimes: InstalledRuntimes
    private let logger: Logger
    private let warned = Mutex<Set<String>>([])

    init(runtimes: InstalledRuntimes, logger: Logger) {
        self.runtimes = runtimes
        self.logger = logger
    }

    /// A function of a runtime is about to be started. Costs a look-up where the runtime's own interpreter serves it.
    func willUse(_ identifier: String) {
        guard let notice = runtimes.standInNotice(for: identifier),
            warned.withLock({ $0.insert(identifier).inserted })
        else { return }
        logger.warning(
            "a runtime is served by a stand-in",
            metadata: [LogKey.reason: "\(identifier): \(notice)"]
        )
    }
}
