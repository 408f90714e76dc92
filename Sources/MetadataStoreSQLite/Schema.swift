import GRDB

/// The schema of the SQLite store, as a numbered list of migrations. One that has been released never changes again;
/// what is needed later is added behind it.
enum Schema {
    private static let migrations: [@Sendable (Database) throws -> Void] = [
        { database in
            try database.execute(
                sql: """
                    CREATE TABLE function (
                        name TEXT NOT NULL PRIMARY KEY,
                        revisionID TEXT NOT NULL,
                        codeHash TEXT NOT NULL,
                        codeHashBeforeUpdate TEXT,
                        codeSize INTEGER NOT NULL,
                        isUnfinished INTEGER NOT NULL,
                        document BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX function_isUnfinished ON function (isUnfinished) WHERE isUnfinished;
                    """
            )
        },
        layers,
        versions,
        attachments,
        roles,
    ]

    static var migrator: DatabaseMigrator { migrator(upTo: migrations.count) }

    /// The first so many migrations, which is what an earlier release had.
    static func migrator(upTo count: Int) -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for (index, migration) in migrations.prefix(count).enumerated() {
            migrator.registerMigration(String(index + 1)) { try migration($0) }
        }
        return migrator
    }
}
