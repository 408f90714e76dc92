import GRDB
import MetadataStore
import MetadataStoreSQL

/// One SQLite file of the service's own, whose every commit is on the disk before it returns.
///
/// Write-ahead logging lets reads go on during a write; commits are synchronised, so that what was acknowledged survives
/// the loss of power and not only of the process.
struct StoreFile: Sendable {
    let pool: DatabasePool

    /// Opens the file, which is created if it is not there, and brings its schema up to date.
    init(path: String, migrating migrator: DatabaseMigrator) throws(MetadataStoreError) {
        do {
            var configuration = Configuration()
            configuration.foreignKeysEnabled = true
            configuration.busyMode = .timeout(5)
            configuration.maximumReaderCount = 4
            pool = try DatabasePool(path: path, configuration: configuration)
            try pool.writeWithoutTransaction { try Self.makeDurable($0) }
            try migrator.migrate(pool)
        } catch {
            throw MetadataStoreError(.unavailable, "failed to open the database \(path)", cause: error)
        }
    }

    /// Has commits wait for the disk. A pool asks for less than that when it turns on write-ahead logging, after the
    /// configuration's own preparations, so this comes later and is checked.
    private static func makeDurable(_ database: Database) throws {
        try database.execute(sql: "PRAGMA synchronous = FULL")
        let synchronous = try Int.fetchOne(database, sql: "PRAGMA synchronous")
        let journal = try String.fetchOne(database, sql: "PRAGMA journal_mode")
        guard synchronous == 2, journal == "wal" else {
            throw MetadataStoreError(.unavailable, "failed to make the database durable")
        }
    }

    /// Reads a snapshot.
    func read<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        do {
            return try await pool.read(body)
        } catch {
            throw .failed(to: operation, error)
        }
    }

    /// Runs a transaction.
    func write<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        do {
            return try await pool.write(body)
        } catch {
            throw .failed(to: operation, error)
        }
    }
}
