import FoundationEssentials
import GRDB
import MetadataStoreSQL

/// Statements of a transaction, each prepared once for its connection.
struct SQLiteTransaction: SQLTransaction {
    let database: Database

    func execute(_ sql: String, _ arguments: [any SQLConvertible]) throws(SQLFailure) -> Int {
        do {
            try database.cachedStatement(sql: sql).execute(arguments: Self.arguments(arguments))
            return database.changesCount
        } catch {
            throw SQLFailure(error)
        }
    }

    func rows(_ sql: String, _ arguments: [any SQLConvertible]) throws(SQLFailure) -> [SQLRow] {
        do {
            let statement = try database.cachedStatement(sql: sql)
            let cursor = try Row.fetchCursor(statement, arguments: Self.arguments(arguments))
            var rows: [SQLRow] = []
            while let row = try cursor.next() {
                rows.append(SQLRow(row.databaseValues.map { SQLValue($0) }))
            }
            return rows
        } catch {
            throw SQLFailure(error)
        }
    }

    private static func arguments(_ values: [any SQLConvertible]) -> StatementArguments {
        StatementArguments(
            values.map { value -> DatabaseValue in
                switch value.sqlValue {
                case .null: .null
                case .boolean(let value): value.databaseValue
                case .integer(let value): value.databaseValue
                case .text(let value): value.databaseValue
                case .blob(let value): Data(value).databaseValue
                }
            }
        )
    }
}

extension SQLValue {
    fileprivate init(_ value: DatabaseValue) {
        self =
            switch value.storage {
            case .null: .null
            case .int64(let value): .integer(Int(value))
            // The schema has no such columns; a reader of one is told that it is not of its type.
            case .double(let value): .text(String(value))
            case .string(let value): .text(value)
            case .blob(let value): .blob(Array(value))
            }
    }
}

extension SQLFailure {
    fileprivate init(_ error: any Error) {
        let code = (error as? DatabaseError)?.extendedResultCode
        let kind: Kind =
            switch code {
            case .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_UNIQUE: .unique
            case .SQLITE_CONSTRAINT_FOREIGNKEY: .foreignKey
            default: .other
            }
        self.init(kind, "\(error)")
    }
}
