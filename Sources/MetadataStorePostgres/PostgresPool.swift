import MetadataStore
import MetadataStoreSQL
import Synchronization

/// The sessions that requests share.
final class PostgresPool: Sendable {
    private typealias Waiter = CheckedContinuation<PostgresSession, Never>

    private let settings: PostgresSettings
    private let pool: Mutex<SessionPool<PostgresSession, Waiter>>

    init(_ settings: PostgresSettings) {
        self.settings = settings
        pool = Mutex(SessionPool(sessionsMax: settings.connectionsMax))
    }

    /// How often a transaction is run that collides with others.
    private static let runsMax = 20
    /// How long it is until it is run again: up to this, at random, so that those that collided do not do so again.
    private static let pauseMilliseconds: ClosedRange<Int64> = 1...20

    /// Runs a transaction, and again if it collides with others.
    ///
    /// - Parameter operation: What it is for, for the error's message.
    func transaction<Value: Sendable>(
        _ operation: String,
        _ manner: TransactionManner,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        var runs = 0
        while true {
            do {
                return try await withSession { try await $0.transaction(manner, body) }
            } catch {
                runs += 1
                guard error.isCollision, runs < Self.runsMax else { throw .failed(to: operation, error) }
                let pause = Int64.random(in: Self.pauseMilliseconds) * Int64(runs)
                do {
                    try await Task.sleep(for: .milliseconds(pause))
                } catch {
                    throw .failed(to: operation, error)
                }
            }
        }
    }

    /// Runs something with a session that nobody else has meanwhile.
    func withSession<Value: Sendable>(
        _ body: (PostgresSession) async throws -> Value
    ) async throws -> Value {
        let session = await lease()
        defer { giveBack(session) }
        return try await body(session)
    }

    private func lease() async -> PostgresSession {
        await withCheckedContinuation { waiter in
            switch pool.withLock({ $0.lease(for: waiter) }) {
            case .use(let session): waiter.resume(returning: session)
            case .open: waiter.resume(returning: PostgresSession(settings))
            case .wait: break
            }
        }
    }

    private func giveBack(_ session: PostgresSession) {
        pool.withLock { $0.giveBack(session) }?.resume(returning: session)
    }
}

extension Error {
    /// Whether the transaction has collided with another.
    fileprivate var isCollision: Bool {
        let failure = self as? SQLFailure ?? (self as? PostgresError)?.failure
        return failure?.kind == .collision
    }
}
