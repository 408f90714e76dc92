import MetadataStoreSQL

/// What a server or the way to it has answered in place of a result.
struct PostgresError: Error, CustomStringConvertible {
    /// The five characters that say what kind of error it is (PostgreSQL's manual, appendix A); nil if it does not come from
    /// the server.
    let sqlState: String?
    /// Whether the connection can be used no more.
    let isConnectionLost: Bool
    let description: String

    /// What stores tell apart.
    var failure: SQLFailure {
        let kind: SQLFailure.Kind =
            switch sqlState {
            case "23505": .unique
            case "23503": .foreignKey
            // Serialisation failure, and deadlock.
            case "40001", "40P01": .collision
            default: .other
            }
        return SQLFailure(kind, description)
    }
}
