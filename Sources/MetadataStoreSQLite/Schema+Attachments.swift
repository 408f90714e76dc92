import GRDB

extension Schema {
    /// What is attached to functions, and the other things of an account. Functions that were there before have nothing
    /// attached.
    static let attachments: @Sendable (Database) throws -> Void = { database in
        try database.execute(
            sql: """
                ALTER TABLE function ADD COLUMN codeSigningConfigARN TEXT;
                UPDATE function SET document = CAST(json_set(
                    CAST(document AS TEXT),
                    '$.attachments', json('{
                        "policies": {}, "urls": {}, "eventInvokeConfigs": {}, "runtimeManagement": {}, "scaling": {}
                    }')
                ) AS BLOB);
                CREATE INDEX function_codeSigningConfigARN ON function (codeSigningConfigARN, name)
                    WHERE codeSigningConfigARN IS NOT NULL;
                ALTER TABLE version ADD COLUMN capacityProviderARN TEXT;
                CREATE INDEX version_capacityProviderARN ON version (capacityProviderARN, functionName, number)
                    WHERE capacityProviderARN IS NOT NULL;
                CREATE TABLE functionURL (
                    id TEXT NOT NULL PRIMARY KEY,
                    functionName TEXT NOT NULL REFERENCES function (name) ON DELETE CASCADE
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX functionURL_functionName ON functionURL (functionName);
                CREATE TABLE resource (
                    kind TEXT NOT NULL,
                    id TEXT NOT NULL,
                    generation INTEGER NOT NULL,
                    uniqueKey TEXT,
                    document BLOB NOT NULL,
                    PRIMARY KEY (kind, id)
                ) STRICT, WITHOUT ROWID;
                CREATE UNIQUE INDEX resource_uniqueKey ON resource (kind, uniqueKey) WHERE uniqueKey IS NOT NULL;
                CREATE TABLE resourceKey (
                    kind TEXT NOT NULL,
                    key TEXT NOT NULL,
                    id TEXT NOT NULL,
                    PRIMARY KEY (kind, key, id),
                    FOREIGN KEY (kind, id) REFERENCES resource (kind, id) ON DELETE CASCADE
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX resourceKey_resource ON resourceKey (kind, id);
                """
        )
    }
}
