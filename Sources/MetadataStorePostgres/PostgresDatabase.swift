package import MetadataStore
package import MetadataStoreSQL

/// A schema on a PostgreSQL server with the metadata, for services that run as many processes.
///
/// Transactions that write are serialisable, so that what holds for one that is alone holds for all; those that collide are
/// run again.
package final class PostgresDatabase: SQLDatabase {
    private let pool: PostgresPool
    private let changes: FunctionChanges
    private let listener: NotificationListener

    /// Connects, brings the schema up to date, and listens for changes.
    ///
    /// - Parameter isListening: Whether its observers are told of changes of functions, which takes a connection of its own.
    ///   Without, no functions may be changed.
    /// - Throws: `.unavailable` if the server cannot be reached or refuses.
    package init(_ settings: PostgresSettings, isListening: Bool = true) async throws(MetadataStoreError) {
        pool = PostgresPool(settings)
        changes = FunctionChanges(settings)
        listener = NotificationListener(settings, channel: settings.schema, changes.handler)
        do {
            try await pool.withSession { session in
                try await session.run { try PostgresSchema.migrate($0, settings) }
            }
            if isListening { try await listener.start() }
        } catch {
            throw .failed(to: "open the database", error)
        }
    }

    /// Ends its connections. What is asked of it afterwards connects anew, and hears of no changes.
    package func close() async {
        await listener.close()
    }

    package var dialect: SQLDialect { .postgres }

    package func read<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        try await pool.transaction(operation, .snapshot, body)
    }

    package func write<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        try await pool.transaction(operation, .serializable, body)
    }

    package func changeFunctions(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> [FunctionChange]
    ) async throws(MetadataStoreError) -> Bool {
        let end = changes.begin()
        let hasChanges: Bool
        do throws(MetadataStoreError) {
            hasChanges = try await pool.transaction(operation, .serializable) { [changes] database in
                let made = try body(database)
                guard !made.isEmpty else { return false }
                try changes.notify(of: made, end: end, in: database)
                return true
            }
        } catch {
            changes.cancel(end)
            throw error
        }
        guard hasChanges else {
            changes.cancel(end)
            return false
        }
        await changes.told(end, by: listener)
        return true
    }

    package func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void) {
        changes.observe(observer)
    }
}
