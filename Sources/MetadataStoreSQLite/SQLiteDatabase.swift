import GRDB
package import MetadataStore
package import MetadataStoreSQL
import Synchronization

/// One SQLite file with the metadata, for a service that runs as one process.
package final class SQLiteDatabase: SQLDatabase {
    private typealias Observer = @Sendable (FunctionChange) -> Void

    private let file: StoreFile
    private let observers = Mutex<[Observer]>([])

    /// Opens the file, which is created if it is not there, and brings its schema up to date.
    package init(path: String) throws(MetadataStoreError) {
        file = try StoreFile(path: path, migrating: Schema.migrator)
    }

    package var dialect: SQLDialect { .sqlite }

    package func read<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        try await file.read(operation) { try body(SQLiteTransaction(database: $0)) }
    }

    package func write<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        try await file.write(operation) { try body(SQLiteTransaction(database: $0)) }
    }

    /// Changes are told on the queue of all writes, behind the commit and ahead of the next transaction.
    package func changeFunctions(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> [FunctionChange]
    ) async throws(MetadataStoreError) -> Bool {
        try await file.write(operation) { database in
            let changes = try body(SQLiteTransaction(database: database))
            guard !changes.isEmpty else { return false }
            database.afterNextTransaction { _ in
                for change in changes { self.tell(change) }
            }
            return true
        }
    }

    package func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    private func tell(_ change: FunctionChange) {
        for observer in observers.withLock({ $0 }) { observer(change) }
    }
}

extension SQLMetadataStore {
    /// A store in one SQLite file, which is created if it is not there.
    package convenience init(sqliteFile path: String) throws(MetadataStoreError) {
        self.init(try SQLiteDatabase(path: path))
    }
}
