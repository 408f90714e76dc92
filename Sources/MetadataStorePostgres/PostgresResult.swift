import CPostgreSQL
import MetadataStoreSQL

/// What a statement has come to.
final class PostgresResult {
    private let handle: OpaquePointer?

    /// Takes over what libpq has returned.
    init(_ handle: OpaquePointer?) {
        self.handle = handle
    }

    deinit {
        PQclear(handle)
    }

    var isSuccess: Bool {
        let status = PQresultStatus(handle)
        return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY
    }

    var sqlState: String? { field("C") }

    var message: String? { field("M") }

    private func field(_ code: Unicode.Scalar) -> String? {
        guard let handle, let text = PQresultErrorField(handle, CInt(code.value)) else { return nil }
        return String(cString: text)
    }

    /// How many rows the statement has changed.
    var changedCount: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    /// The rows, whose columns come in PostgreSQL's binary form.
    var rows: [SQLRow] {
        let columns = PQnfields(handle)
        let types = (0..<columns).map { PQftype(handle, $0) }
        return (0..<PQntuples(handle)).map { row in
            SQLRow(
                (0..<columns).map { column in
                    guard PQgetisnull(handle, row, column) == 0 else { return .null }
                    let bytes = UnsafeRawBufferPointer(
                        start: PQgetvalue(handle, row, column),
                        count: Int(PQgetlength(handle, row, column))
                    )
                    return Self.value(bytes, type: types[Int(column)])
                }
            )
        }
    }

    /// The numbers of the types that the schema has, from PostgreSQL's `pg_type.dat`.
    private static func value(_ bytes: UnsafeRawBufferPointer, type: Oid) -> SQLValue {
        switch type {
        case 16: .boolean(bytes[0] != 0)
        case 17: .blob(Array(bytes))
        case 20: .integer(Int(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))))
        case 21: .integer(Int(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self))))
        case 23: .integer(Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))))
        default: .text(String(decoding: bytes, as: UTF8.self))
        }
    }
}
