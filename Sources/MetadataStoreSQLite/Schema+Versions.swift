import GRDB

extension Schema {
    /// Versions, aliases and concurrency: functions that were there before have none of them.
    static let versions: @Sendable (Database) throws -> Void = { database in
        try database.execute(
            sql: """
                ALTER TABLE function ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE function ADD COLUMN hasConcurrencySettings INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE function ADD COLUMN claimedConcurrency INTEGER NOT NULL DEFAULT 0;
                UPDATE function SET document = CAST(json_set(
                    CAST(document AS TEXT),
                    '$.generation', 0,
                    '$.lastVersion', 0,
                    '$.aliases', json('{}'),
                    '$.concurrency', json('{"provisioned": {}}')
                ) AS BLOB);
                CREATE INDEX function_hasConcurrencySettings ON function (hasConcurrencySettings)
                    WHERE hasConcurrencySettings;
                CREATE TABLE version (
                    functionName TEXT NOT NULL REFERENCES function (name) ON DELETE CASCADE,
                    number INTEGER NOT NULL,
                    revisionID TEXT NOT NULL,
                    codeHash TEXT NOT NULL,
                    codeSize INTEGER NOT NULL,
                    isUnfinished INTEGER NOT NULL,
                    document BLOB NOT NULL,
                    PRIMARY KEY (functionName, number)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX version_isUnfinished ON version (isUnfinished) WHERE isUnfinished;
                """
        )
    }
}
