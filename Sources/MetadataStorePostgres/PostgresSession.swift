import MetadataStore
import MetadataStoreSQL

/// One connection after the other, on a thread of their own.
///
/// A connection that is lost is opened anew by whoever needs it next. Whoever begins a transaction does not even hear of it, if it was
/// lost while nobody used it, as all are when the server was restarted. While the server cannot be reached, that is tried
/// less and less often, and all who come in between are told so at once.
actor PostgresSession {
    private nonisolated let thread = ConnectionThread(label: "postgres")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let settings: PostgresSettings
    private var connection: PostgresConnection?
    private var backOff = ReconnectBackOff()

    init(_ settings: PostgresSettings) {
        self.settings = settings
    }

    /// Calls on the session's thread, after what it does now.
    nonisolated func perform(_ body: @escaping @Sendable (isolated PostgresSession) -> Void) {
        thread.call { self.assumeIsolated { body($0) } }
    }

    /// Runs statements outside of a transaction.
    func run<Value: Sendable>(
        _ body: @Sendable (PostgresConnection) throws -> Value
    ) throws -> Value {
        let connection = try connected()
        do {
            return try body(connection)
        } catch let error as PostgresError where error.isConnectionLost {
            self.connection = nil
            throw error
        }
    }

    /// Runs a transaction. Throws what its body has thrown, after everything was undone, and ``PostgresError`` if the
    /// server refuses.
    func transaction<Value: Sendable>(
        _ manner: TransactionManner,
        _ body: @Sendable (any SQLTransaction) throws -> Value
    ) throws -> Value {
        try begin(manner)
        return try run { connection in
            let value: Value
            do {
                value = try body(PostgresTransaction(connection: connection))
            } catch {
                // If this fails as well, the connection is lost, and the transaction with it.
                try connection.runScript("ROLLBACK")
                throw error
            }
            try connection.runScript("COMMIT")
            return value
        }
    }

    /// Begins a transaction, over a new connection if the one that is there is found lost: nothing has been done then.
    private func begin(_ manner: TransactionManner) throws {
        let isUsedAgain = connection != nil
        do {
            try run { try $0.runScript(manner.begin) }
        } catch let error as PostgresError where error.isConnectionLost && isUsedAgain {
            try run { try $0.runScript(manner.begin) }
        }
    }

    private func connected() throws(PostgresError) -> PostgresConnection {
        if let connection { return connection }
        let now = ContinuousClock.now
        guard backOff.mayTry(at: now) else {
            throw PostgresError(sqlState: nil, isConnectionLost: true, description: "the server cannot be reached")
        }
        do {
            let connection = try PostgresConnection(settings.address)
            try connection.runScript(settings.preamble)
            backOff.connected()
            self.connection = connection
            return connection
        } catch {
            backOff.failed(at: now)
            throw error
        }
    }
}

/// How a transaction sees others.
enum TransactionManner {
    /// One moment, unchanged.
    case snapshot
    /// As if it were alone.
    case serializable
    /// Each statement what is committed then; it locks what it relies on.
    case locking

    fileprivate var begin: String {
        switch self {
        case .snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        case .locking: "BEGIN ISOLATION LEVEL READ COMMITTED"
        }
    }
}

/// Statements of a transaction.
struct PostgresTransaction: SQLTransaction {
    let connection: PostgresConnection

    func execute(_ sql: String, _ arguments: [any SQLConvertible]) throws(SQLFailure) -> Int {
        try run(sql, arguments).changedCount
    }

    func rows(_ sql: String, _ arguments: [any SQLConvertible]) throws(SQLFailure) -> [SQLRow] {
        try run(sql, arguments).rows
    }

    private func run(_ sql: String, _ arguments: [any SQLConvertible]) throws(SQLFailure) -> PostgresResult {
        do {
            return try connection.run(sql, arguments)
        } catch {
            throw error.failure
        }
    }
}
