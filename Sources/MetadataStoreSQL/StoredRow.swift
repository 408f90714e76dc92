import FoundationEssentials
import MetadataStore

/// A record as one of the store's tables has it: what is searched by in columns of its own, everything as one JSON document
/// in the column behind them.
protocol StoredRow {
    associatedtype Record: Codable

    static var table: String { get }
    /// The columns in the order of ``values``, without the document: the key, then what is checked, then all others.
    static var columns: [String] { get }
    /// How many columns form the key.
    static var keyCount: Int { get }
    /// How many columns are compared with the document when it is read: numbers and texts only.
    static var checkedCount: Int { get }

    init(_ record: Record)

    var record: Record { get }
    var values: [any SQLConvertible] { get }
}

/// A row that was read; its record is read when it is asked for.
struct FetchedRow<Row: StoredRow> {
    /// The checked columns and the document.
    fileprivate let row: SQLRow

    /// A column that is checked.
    func value<Value: SQLConvertible>(_ column: String) throws(MetadataStoreError) -> Value {
        guard let index = Row.columns.prefix(Row.checkedCount).firstIndex(of: column) else {
            preconditionFailure("\(column) is not read")
        }
        return try row.value(index)
    }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> Row.Record {
        let document: [UInt8] = try row.value(Row.checkedCount)
        let record: Row.Record
        do {
            record = try JSONDecoder().decode(Row.Record.self, from: Data(document))
        } catch {
            throw MetadataStoreError(.corrupt, "failed to read a record of \(Row.table) \(name)", cause: error)
        }
        guard Row(record).values.prefix(Row.checkedCount).map(\.sqlValue) == checked else {
            throw MetadataStoreError(.corrupt, "failed to read a record of \(Row.table) \(name): it is of another one")
        }
        return record
    }

    private var checked: [SQLValue] { Array(row.values.prefix(Row.checkedCount)) }

    private var name: String { checked.map { "\($0)" }.joined(separator: " ") }
}

extension StoredRow {
    static var keyCount: Int { 1 }

    private static var keyCondition: String {
        columns.prefix(keyCount).enumerated().map { "\($1) = ?\($0 + 1)" }.joined(separator: " AND ")
    }

    /// The row of that key, or nil.
    static func fetch(_ key: any SQLConvertible..., in database: any SQLTransaction) throws -> FetchedRow<Self>? {
        try fetchAll("WHERE \(keyCondition)", key, in: database).first
    }

    /// Rows that the rest of a `SELECT` statement chooses.
    static func fetchAll(
        _ clauses: String,
        _ arguments: [any SQLConvertible],
        in database: any SQLTransaction
    ) throws -> [FetchedRow<Self>] {
        let list = (columns.prefix(checkedCount) + ["document"]).joined(separator: ", ")
        return try database.rows("SELECT \(list) FROM \(table) \(clauses)", arguments).map { FetchedRow(row: $0) }
    }

    func insert(in database: any SQLTransaction) throws {
        let all = Self.columns + ["document"]
        let places = (1...all.count).map { "?\($0)" }.joined(separator: ", ")
        try database.execute(
            "INSERT INTO \(Self.table) (\(all.joined(separator: ", "))) VALUES (\(places))",
            values + [try document()]
        )
    }

    /// Writes the row in place of the one that has its key. Throws `.conflict` if there is none.
    func update(in database: any SQLTransaction) throws {
        let all = Self.columns + ["document"]
        let changes = all.enumerated().dropFirst(Self.keyCount).map { "\($1) = ?\($0 + 1)" }
        let sql = "UPDATE \(Self.table) SET \(changes.joined(separator: ", ")) WHERE \(Self.keyCondition)"
        guard try database.execute(sql, values + [try document()]) == 1 else {
            throw MetadataStoreError(.conflict, "failed to update a row of \(Self.table): it is gone")
        }
    }

    /// Removes the row. Returns whether there was one.
    static func delete(_ key: any SQLConvertible..., in database: any SQLTransaction) throws -> Bool {
        try database.execute("DELETE FROM \(table) WHERE \(keyCondition)", key) > 0
    }

    private func document() throws -> [UInt8] { Array(try JSONEncoder().encode(record)) }
}
