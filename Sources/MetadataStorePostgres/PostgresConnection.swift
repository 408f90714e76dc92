import CPostgreSQL
import Glibc
import MetadataStoreSQL

/// A connection to a server, by libpq. Its calls block; ``PostgresSession`` has a thread for them.
final class PostgresConnection {
    private let handle: OpaquePointer
    /// The names of prepared statements, by their text.
    private var statements: [String: String] = [:]

    /// How many statements are kept prepared; texts are made by code, so there are not many more.
    private static let statementsMax = 500

    /// Connects.
    ///
    /// - Parameter address: A URL or key-value pairs, as libpq reads them.
    init(_ address: String) throws(PostgresError) {
        guard let handle = Self.connect(address) else {
            throw PostgresError(sqlState: nil, isConnectionLost: true, description: "out of memory")
        }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else { throw lastError(nil) }
        // Notices of migrations would go to standard error.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
    }

    deinit {
        PQfinish(handle)
    }

    /// What an address that says nothing of it means: a server that has gone without a word is noticed.
    private static let defaults = [
        ("connect_timeout", "5"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
        ("tcp_user_timeout", "10000"), ("fallback_application_name", "swiftlet"),
    ]

    private static func connect(_ address: String) -> OpaquePointer? {
        // What comes later counts, and what the address says comes in its place.
        let parameters = defaults + [("dbname", address)]
        var keywords = parameters.map { UnsafePointer(strdup($0.0)) } + [nil]
        var values = parameters.map { UnsafePointer(strdup($0.1)) } + [nil]
        defer {
            for text in keywords + values { free(UnsafeMutablePointer(mutating: text)) }
        }
        return PQconnectdbParams(&keywords, &values, 1)
    }

    /// The socket, to wait for what the server says unasked.
    var descriptor: CInt { PQsocket(handle) }

    /// Runs a statement with parameters `?1`, `?2` and so on. It is prepared when it is first run.
    func run(_ sql: String, _ arguments: [any SQLConvertible] = []) throws(PostgresError) -> PostgresResult {
        let name = try prepared(sql)
        let values = arguments.map(\.sqlValue)
        // PostgreSQL has no such texts; libpq would take the rest for nothing.
        guard !values.contains(where: \.isTextWithZero) else {
            throw PostgresError(sqlState: nil, isConnectionLost: false, description: "a text has a character zero")
        }
        return try Parameters.with(values) { count, values, lengths, formats in
            PQexecPrepared(handle, name, count, values, lengths, formats, 1)
        }
        .checked(by: self)
    }

    /// Runs statements without parameters, several if there are semicolons between them.
    func runScript(_ sql: String) throws(PostgresError) {
        _ = try PostgresResult(PQexec(handle, sql)).checked(by: self)
    }

    private func prepared(_ sql: String) throws(PostgresError) -> String {
        if let name = statements[sql] { return name }
        if statements.count >= Self.statementsMax {
            try runScript("DEALLOCATE ALL")
            statements.removeAll()
        }
        let name = "s\(statements.count)"
        _ = try PostgresResult(PQprepare(handle, name, Self.numbered(sql), 0, nil)).checked(by: self)
        statements[sql] = name
        return name
    }

    /// The statement with parameters as PostgreSQL writes them.
    private static func numbered(_ sql: String) -> String {
        var text = ""
        var rest = sql[...]
        while let mark = rest.firstIndex(of: "?") {
            let next = rest.index(after: mark)
            let isParameter = next < rest.endIndex && rest[next].isWholeNumber
            text += rest[..<mark] + (isParameter ? "$" : "?")
            rest = rest[next...]
        }
        return text + rest
    }

    /// What the server has notified its listeners of since this was called last. Does not wait.
    func notifications() throws(PostgresError) -> [String] {
        guard PQconsumeInput(handle) == 1 else { throw lastError(nil) }
        var payloads: [String] = []
        while let notification = PQnotifies(handle) {
            payloads.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return payloads
    }

    /// Why the last call has failed.
    fileprivate func lastError(_ result: PostgresResult?) -> PostgresError {
        let text = result?.message ?? String(cString: PQerrorMessage(handle))
        return PostgresError(
            sqlState: result?.sqlState,
            isConnectionLost: PQstatus(handle) != CONNECTION_OK,
            description: text.split(separator: "\n").first.map(String.init) ?? "no answer"
        )
    }
}

extension PostgresResult {
    /// This, unless it is an error.
    fileprivate func checked(by connection: PostgresConnection) throws(PostgresError) -> PostgresResult {
        guard isSuccess else { throw connection.lastError(self) }
        return self
    }
}

extension SQLValue {
    fileprivate var isTextWithZero: Bool {
        guard case .text(let text) = self else { return false }
        return text.utf8.contains(0)
    }
}

/// Parameters in the form in which libpq takes them: blobs as they are, all others as text.
private enum Parameters {
    static func with(
        _ values: [SQLValue],
        _ body: (
            CInt, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<CInt>?, UnsafePointer<CInt>?
        ) -> OpaquePointer?
    ) -> PostgresResult {
        // Each with a zero behind it, one after the other.
        var bytes: [UInt8] = []
        var starts: [Int?] = []
        var lengths: [CInt] = []
        var formats: [CInt] = []
        for value in values {
            starts.append(value == .null ? nil : bytes.count)
            let count = bytes.count
            switch value {
            case .null: break
            case .boolean(let value): bytes.append(UInt8(ascii: value ? "t" : "f"))
            case .integer(let value): bytes += String(value).utf8
            case .text(let value): bytes += value.utf8
            case .blob(let value): bytes += value
            }
            lengths.append(CInt(bytes.count - count))
            if case .blob = value { formats.append(1) } else { formats.append(0) }
            bytes.append(0)
        }
        let result = bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = starts.map { start in start.flatMap { base?.advanced(by: $0) } }
            return body(CInt(values.count), pointers, lengths, formats)
        }
        return PostgresResult(result)
    }
}
