import GRDB

extension Schema {
    /// Layers and their versions. A layer's row stays when its versions are deleted, and keeps their numbers taken.
    static let layers: @Sendable (Database) throws -> Void = { database in
        try database.execute(
            sql: """
                CREATE TABLE layer (
                    name TEXT NOT NULL PRIMARY KEY,
                    versionMax INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE layerVersion (
                    name TEXT NOT NULL REFERENCES layer (name),
                    version INTEGER NOT NULL,
                    codeHash TEXT NOT NULL,
                    codeSize INTEGER NOT NULL,
                    document BLOB NOT NULL,
                    PRIMARY KEY (name, version)
                ) STRICT, WITHOUT ROWID;
                """
        )
    }
}
