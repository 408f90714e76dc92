package import MetadataStore

/// A database that ``SQLMetadataStore`` keeps its records in: what SQLite and PostgreSQL have in common.
///
/// Statements are written in the part of SQL that both read alike, with parameters `?1`, `?2` and so on. What they read
/// differently is in ``SQLDialect``.
package protocol SQLDatabase: Sendable {
    /// What this database reads in its own way.
    var dialect: SQLDialect { get }

    /// Reads a snapshot: all statements of the body see the same moment.
    ///
    /// - Parameter operation: What it is for, for the error's message.
    /// - Throws: Errors of the body that are ``MetadataStoreError`` as they are, and `.unavailable` for others.
    func read<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value

    /// Runs a transaction as if it were the only one. It is durable when this returns, and nothing has changed when it
    /// throws. A body whose transaction has collided with another is run again.
    ///
    /// - Throws: As ``read(_:_:)``; also `.unavailable` if nobody knows whether the transaction was committed.
    func write<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value

    /// Runs a transaction that changes functions, and has the changes told to the observers as
    /// ``MetadataStore/MetadataStore/observe(_:)`` says.
    ///
    /// - Returns: Whether it has changed anything.
    @discardableResult
    func changeFunctions(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> [FunctionChange]
    ) async throws(MetadataStoreError) -> Bool

    /// Has changes of functions told from now on.
    func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void)
}

/// What the statements of a transaction are run with. It ends with the body that it was given to.
package protocol SQLTransaction {
    /// Runs a statement.
    ///
    /// - Returns: How many rows it has changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: [any SQLConvertible]) throws(SQLFailure) -> Int

    /// Runs a statement, and returns its rows.
    func rows(_ sql: String, _ arguments: [any SQLConvertible]) throws(SQLFailure) -> [SQLRow]
}

extension SQLTransaction {
    /// Runs a statement without parameters, and returns its rows.
    package func rows(_ sql: String) throws(SQLFailure) -> [SQLRow] { try rows(sql, []) }
}

/// A statement that a database has refused.
package struct SQLFailure: Error, CustomStringConvertible {
    /// Why, as far as stores tell it apart.
    package enum Kind: Sendable {
        /// There is a row with that key.
        case unique
        /// A row is missing that this one refers to, or one is left that refers to this one.
        case foreignKey
        /// The transaction has collided with another, and may succeed when it is run again.
        case collision
        case other
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// What databases read in their own ways.
package enum SQLDialect: Sendable {
    case sqlite
    case postgres

    /// Every list of layers that a definition has, as JSON text.
    var layerLists: String {
        let value =
            switch self {
            case .sqlite: { "json_extract(CAST(document AS TEXT), '$.\($0).layers')" }
            case .postgres: { "convert_from(document, 'UTF8')::json #>> '{\($0),layers}'" }
            } as (String) -> String
        return """
            SELECT DISTINCT layers FROM (
                SELECT \(value("definition")) AS layers FROM function
                UNION ALL SELECT \(value("definitionBeforeUpdate")) FROM function
                UNION ALL SELECT \(value("definition")) FROM version
            ) AS lists WHERE layers IS NOT NULL
            """
    }
}
