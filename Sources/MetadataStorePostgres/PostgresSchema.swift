import MetadataStore
import MetadataStoreSQL

/// The schema of the PostgreSQL stores, as a numbered list of migrations. One that has been released never changes again;
/// what is needed later is added behind it.
///
/// Texts are compared byte by byte, as SQLite compares them, but for names that AWS tells apart without regard to case.
enum PostgresSchema {
    /// Locked while a schema is brought up to date, so that of several processes which start together one does it.
    private static let lock = 0x5357_4C54

    private static let migrations = [
        Migration(metadata, worksSince: 1), Migration(events, worksSince: 2), Migration(fleet, worksSince: 3),
        Migration(evictedWorkers, worksSince: 3),
    ]

    /// A step from one schema to the next.
    private struct Migration {
        let script: String
        /// The least number of the schema whose releases can go on with the new one: what they write has its defaults in it,
        /// and they read what they know. Of two neighbouring releases the earlier one must be among them, since hosts of
        /// both run side by side while a fleet is upgraded, and any may have to start again.
        let worksSince: Int

        init(_ script: String, worksSince: Int) {
            self.script = script
            self.worksSince = worksSince
        }
    }

    private static let metadata = """
        CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE function (
            name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            generation BIGINT NOT NULL,
            revisionID TEXT NOT NULL,
            codeHash TEXT NOT NULL,
            codeHashBeforeUpdate TEXT,
            codeSize BIGINT NOT NULL,
            isUnfinished BOOLEAN NOT NULL,
            hasConcurrencySettings BOOLEAN NOT NULL,
            claimedConcurrency BIGINT NOT NULL,
            codeSigningConfigARN TEXT,
            document BYTEA NOT NULL
        );
        CREATE INDEX function_isUnfinished ON function (name) WHERE isUnfinished;
        CREATE INDEX function_hasConcurrencySettings ON function (name) WHERE hasConcurrencySettings;
        CREATE INDEX function_codeSigningConfigARN ON function (codeSigningConfigARN, name)
            WHERE codeSigningConfigARN IS NOT NULL;
        CREATE TABLE version (
            functionName TEXT COLLATE "C" NOT NULL REFERENCES function (name) ON DELETE CASCADE,
            number BIGINT NOT NULL,
            revisionID TEXT NOT NULL,
            codeHash TEXT NOT NULL,
            codeSize BIGINT NOT NULL,
            isUnfinished BOOLEAN NOT NULL,
            capacityProviderARN TEXT,
            document BYTEA NOT NULL,
            PRIMARY KEY (functionName, number)
        );
        CREATE INDEX version_isUnfinished ON version (functionName) WHERE isUnfinished;
        CREATE INDEX version_capacityProviderARN ON version (capacityProviderARN, functionName, number)
            WHERE capacityProviderARN IS NOT NULL;
        CREATE TABLE functionURL (
            id TEXT NOT NULL PRIMARY KEY,
            functionName TEXT COLLATE "C" NOT NULL REFERENCES function (name) ON DELETE CASCADE
        );
        CREATE INDEX functionURL_functionName ON functionURL (functionName);
        CREATE TABLE layer (
            name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            versionMax BIGINT NOT NULL
        );
        CREATE TABLE layerVersion (
            name TEXT COLLATE "C" NOT NULL REFERENCES layer (name),
            version BIGINT NOT NULL,
            codeHash TEXT NOT NULL,
            codeSize BIGINT NOT NULL,
            document BYTEA NOT NULL,
            PRIMARY KEY (name, version)
        );
        CREATE TABLE resource (
            kind TEXT COLLATE "C" NOT NULL,
            id TEXT COLLATE "C" NOT NULL,
            generation BIGINT NOT NULL,
            uniqueKey TEXT,
            document BYTEA NOT NULL,
            PRIMARY KEY (kind, id)
        );
        CREATE UNIQUE INDEX resource_uniqueKey ON resource (kind, uniqueKey) WHERE uniqueKey IS NOT NULL;
        CREATE TABLE resourceKey (
            kind TEXT COLLATE "C" NOT NULL,
            key TEXT NOT NULL,
            id TEXT COLLATE "C" NOT NULL,
            PRIMARY KEY (kind, key, id),
            FOREIGN KEY (kind, id) REFERENCES resource (kind, id) ON DELETE CASCADE
        );
        CREATE INDEX resourceKey_resource ON resourceKey (kind, id);
        CREATE TABLE role (
            name TEXT COLLATE nocase NOT NULL PRIMARY KEY,
            path TEXT NOT NULL,
            generation BIGINT NOT NULL,
            document BYTEA NOT NULL
        );
        CREATE TABLE managedPolicy (
            name TEXT COLLATE nocase NOT NULL PRIMARY KEY,
            path TEXT NOT NULL,
            generation BIGINT NOT NULL,
            document BYTEA NOT NULL
        );
        CREATE TABLE policyUse (
            roleName TEXT COLLATE nocase NOT NULL REFERENCES role (name) ON DELETE CASCADE,
            policyARN TEXT NOT NULL,
            way TEXT NOT NULL,
            policyName TEXT COLLATE nocase REFERENCES managedPolicy (name),
            PRIMARY KEY (roleName, policyARN, way)
        );
        CREATE INDEX policyUse_policyName ON policyUse (policyName);
        """

    private static let events = """
        CREATE TABLE event (
            id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            shard BIGINT NOT NULL,
            lane TEXT COLLATE "C" NOT NULL,
            accepted BIGINT NOT NULL,
            due BIGINT NOT NULL,
            attempts BIGINT NOT NULL,
            deferrals BIGINT NOT NULL,
            requestID TEXT NOT NULL,
            qualifier TEXT,
            clientContext TEXT,
            traceHeader TEXT NOT NULL,
            details BYTEA NOT NULL,
            payload BYTEA NOT NULL
        );
        CREATE INDEX event_due ON event (shard, lane, due, id);
        CREATE INDEX event_postponed ON event (shard, lane, accepted) WHERE due > accepted;
        CREATE TABLE eventShard (
            shard BIGINT NOT NULL PRIMARY KEY,
            owner TEXT NOT NULL,
            epoch BIGINT NOT NULL,
            leasedUntil BIGINT NOT NULL
        );
        CREATE TABLE eventConsumer (
            owner TEXT NOT NULL PRIMARY KEY,
            joinedUntil BIGINT NOT NULL
        );
        """

    /// Renewals are many, and leave the indexes alone if there is room for them on the row's page. What functions have claimed
    /// is summed up whenever managers look.
    private static let fleet = """
        CREATE TABLE fleetVersion (
            tableName TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            version BIGINT NOT NULL
        );
        INSERT INTO fleetVersion (tableName, version)
            VALUES ('frontends', 0), ('managers', 0), ('workers', 0), ('partitions', 0), ('shares', 0);
        CREATE TABLE fleetMember (
            incarnation TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            role TEXT COLLATE "C" NOT NULL,
            name TEXT COLLATE "C" NOT NULL,
            address TEXT NOT NULL,
            renewals BIGINT NOT NULL,
            lease BIGINT NOT NULL,
            details BYTEA NOT NULL
        ) WITH (fillfactor = 50);
        CREATE INDEX fleetMember_name ON fleetMember (role, name);
        CREATE TABLE workerOrder (
            name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            isCordoned BOOLEAN NOT NULL DEFAULT FALSE,
            isDraining BOOLEAN NOT NULL DEFAULT FALSE
        );
        CREATE TABLE fleetPartition (
            number BIGINT NOT NULL PRIMARY KEY,
            owner TEXT COLLATE "C" REFERENCES fleetMember (incarnation),
            epoch BIGINT NOT NULL,
            handedOver BIGINT NOT NULL CHECK (handedOver >= 0),
            takenOver BIGINT NOT NULL
        );
        CREATE INDEX fleetPartition_owner ON fleetPartition (owner);
        INSERT INTO fleetPartition (number, epoch, handedOver, takenOver)
            SELECT number, 0, 0, 0 FROM generate_series(0, \(Partition.count - 1)) AS number;
        CREATE TABLE fleetInheritance (
            partition BIGINT NOT NULL REFERENCES fleetPartition (number),
            incarnation TEXT COLLATE "C" NOT NULL,
            name TEXT COLLATE "C" NOT NULL,
            PRIMARY KEY (partition, incarnation)
        );
        CREATE INDEX fleetInheritance_incarnation ON fleetInheritance (incarnation);
        CREATE TABLE fleetShare (
            incarnation TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            name TEXT COLLATE "C" NOT NULL,
            share BIGINT NOT NULL CHECK (share >= 0),
            wanted BIGINT NOT NULL,
            isOrphan BOOLEAN NOT NULL
        );
        CREATE INDEX function_claimedConcurrency ON function (claimedConcurrency) WHERE claimedConcurrency > 0;
        """

    /// Evicted workers are listed until nothing can run on them any more.
    private static let evictedWorkers = "ALTER TABLE fleetMember ADD COLUMN isEvicted BOOLEAN NOT NULL DEFAULT FALSE"

    /// Brings a schema up to date; creates it if it is not there. One of a later release is used as it is if it says that this
    /// release can, and otherwise left alone: throws then.
    static func migrate(_ connection: PostgresConnection, _ settings: PostgresSettings) throws {
        try connection.runScript("BEGIN")
        do {
            _ = try connection.run("SELECT pg_advisory_xact_lock(CAST(?1 AS BIGINT))", [lock])
            try connection.runScript("CREATE SCHEMA IF NOT EXISTS \(settings.schema); \(migrationTable)")
            let done = try number(of: "SELECT coalesce(max(number), 0) FROM migration", connection)
            if done > migrations.count {
                // Releases that did not tell say that only they themselves can use what they have made.
                let since = try number(of: "SELECT max(coalesce(worksSince, number)) FROM migration", connection)
                guard since <= migrations.count else {
                    let message = """
                        failed to use the schema \(settings.schema): it is of a later release (\(done)), and this one \
                        (\(migrations.count)) is earlier than those that can use it (\(since)); start a later release
                        """
                    throw MetadataStoreError(.unavailable, message)
                }
            }
            for (index, migration) in migrations.enumerated().dropFirst(done) {
                try connection.runScript(migration.script)
                _ = try connection.run(
                    "INSERT INTO migration (number, worksSince) VALUES (?1, ?2)",
                    [index + 1, migration.worksSince]
                )
            }
        } catch {
            try connection.runScript("ROLLBACK")
            throw error
        }
        try connection.runScript("COMMIT")
    }

    /// The first releases made the table without its second column.
    private static let migrationTable = """
        CREATE TABLE IF NOT EXISTS migration (number BIGINT NOT NULL PRIMARY KEY);
        ALTER TABLE migration ADD COLUMN IF NOT EXISTS worksSince BIGINT;
        """

    private static func number(of query: String, _ connection: PostgresConnection) throws -> Int {
        try connection.run(query).rows.first?.value(0) ?? 0
    }
}
