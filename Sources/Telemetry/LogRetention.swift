import LambdaAPI
package import LogStore
package import Logging
import NIOPosix

/// Keeps the log store to its size and its groups to their retention, in the background: a little at a time, and never in
/// the way of an invoke.
package struct LogRetention: Sendable {
    /// How often expired events are looked for.
    private static let interval = Duration.seconds(60)
    /// How many files one pass removes; the next one follows at once when more are due.
    private static let removalsPerPass = 1000

    private let store: LogStore
    private let logger: Logger

    package init(store: LogStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Runs until it is cancelled.
    package func run() async {
        let (ticks, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in store.oversizeNotices { tick.yield() }
            }
            group.addTask {
                repeat { tick.yield() } while (try? await Task.sleep(for: Self.interval)) != nil
            }
            for await _ in ticks {
                while await pass(), !Task.isCancelled {}
            }
        }
    }

    /// Returns whether more is due.
    private func pass() async -> Bool {
        do {
            let report = try await NIOThreadPool.singleton.runIfActive {
                try store.enforceRetention(now: .now(), removalsMax: Self.removalsPerPass)
            }
            if report.expired + report.displaced > 0 {
                let count = report.expired + report.displaced
                logger.debug("log files removed", metadata: [LogKey.count: "\(count)"])
            }
            return report.isUnfinished
        } catch {
            logger.warning("log retention failed", metadata: [LogKey.error: "\(error)"])
            return false
        }
    }
}
