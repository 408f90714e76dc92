import GRDB

extension Schema {
    /// Roles, managed policies, and which role uses which policy. A policy of the account is referred to by its name, so
    /// that it cannot go while a role uses it; AWS's own have no name here and are always there.
    static let roles: @Sendable (Database) throws -> Void = { database in
        try database.execute(
            sql: """
                CREATE TABLE role (
                    name TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
                    path TEXT NOT NULL,
                    generation INTEGER NOT NULL,
                    document BLOB NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE managedPolicy (
                    name TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
                    path TEXT NOT NULL,
                    generation INTEGER NOT NULL,
                    document BLOB NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE policyUse (
                    roleName TEXT NOT NULL COLLATE NOCASE REFERENCES role (name) ON DELETE CASCADE,
                    policyARN TEXT NOT NULL,
                    way TEXT NOT NULL,
                    policyName TEXT COLLATE NOCASE REFERENCES managedPolicy (name),
                    PRIMARY KEY (roleName, policyARN, way)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX policyUse_policyName ON policyUse (policyName);
                """
        )
    }
}
