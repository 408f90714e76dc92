import FoundationEssentials
import MetadataStore

/// A row of one of the store's tables: what is searched by in columns of its own, everything else as one JSON document.
protocol StoredRow {
    static var table: String { get }
    /// The columns in the order of ``values``; the key comes first.
    static var columns: [String] { get }
    /// How many columns form the key.
    static var keyCount: Int { get }

    /// Reads the columns in their order.
    init(_ row: SQLRow) throws(MetadataStoreError)

    var values: [any SQLConvertible] { get }
}

extension StoredRow {
    static var keyCount: Int { 1 }

    /// The columns as a statement lists them.
    static var list: String { columns.joined(separator: ", ") }

    private static var keyCondition: String {
        columns.prefix(keyCount).enumerated().map { "\($1) = ?\($0 + 1)" }.joined(separator: " AND ")
    }

    /// The row of that key, or nil.
    static func fetch(_ key: any SQLConvertible..., in database: any SQLTransaction) throws -> Self? {
        try fetchAll("WHERE \(keyCondition)", key, in: database).first
    }

    /// Rows that the rest of a `SELECT` statement chooses.
    static func fetchAll(
        _ clauses: String,
        _ arguments: [any SQLConvertible],
        in database: any SQLTransaction
    ) throws -> [Self] {
        try database.rows("SELECT \(list) FROM \(table) \(clauses)", arguments).map { try Self($0) }
    }

    func insert(in database: any SQLTransaction) throws {
        let places = (1...Self.columns.count).map { "?\($0)" }.joined(separator: ", ")
        try database.execute("INSERT INTO \(Self.table) (\(Self.list)) VALUES (\(places))", values)
    }

    /// Writes the row in place of the one that has its key. Throws `.conflict` if there is none.
    func update(in database: any SQLTransaction) throws {
        let changes = Self.columns.enumerated().dropFirst(Self.keyCount).map { "\($1) = ?\($0 + 1)" }
        let sql = "UPDATE \(Self.table) SET \(changes.joined(separator: ", ")) WHERE \(Self.keyCondition)"
        guard try database.execute(sql, values) == 1 else {
            throw MetadataStoreError(.conflict, "failed to update a row of \(Self.table): it is gone")
        }
    }

    /// Removes the row. Returns whether there was one.
    static func delete(_ key: any SQLConvertible..., in database: any SQLTransaction) throws -> Bool {
        try database.execute("DELETE FROM \(table) WHERE \(keyCondition)", key) > 0
    }
}

extension [UInt8] {
    /// A record's JSON document.
    init(document record: some Encodable) throws {
        self = Array(try JSONEncoder().encode(record))
    }

    /// The record of a document. Throws `.corrupt` if it is none.
    func record<Record: Decodable>(of subject: String) throws(MetadataStoreError) -> Record {
        do {
            return try JSONDecoder().decode(Record.self, from: Data(self))
        } catch {
            throw MetadataStoreError(.corrupt, "failed to read the record of \(subject)", cause: error)
        }
    }
}
