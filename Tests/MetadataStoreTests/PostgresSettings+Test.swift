import MetadataStorePostgres
import TestSupport

extension PostgresSettings {
    /// A schema of a test's own: the one that belongs to its directory.
    static func test(_ directory: TemporaryDirectory) -> PostgresSettings {
        PostgresSettings(
            address: TestPostgres.address(for: directory),
            schema: TestPostgres.schema(for: directory),
            connectionsMax: 4
        )
    }
}
