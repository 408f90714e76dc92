import GRDB

/// The schema of the file that keeps events, numbered like ``Schema``. It is a file of its own, so that a queue of any size
/// is nothing to the functions' metadata, and so that neither waits for the other's writes.
enum EventSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE event (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        shard INTEGER NOT NULL,
                        lane TEXT NOT NULL,
                        accepted INTEGER NOT NULL,
                        due INTEGER NOT NULL,
                        attempts INTEGER NOT NULL,
                        deferrals INTEGER NOT NULL,
                        requestID TEXT NOT NULL,
                        qualifier TEXT,
                        clientContext TEXT,
                        traceHeader TEXT NOT NULL,
                        details BLOB NOT NULL,
                        payload BLOB NOT NULL
                    ) STRICT;
                    CREATE INDEX event_due ON event (shard, lane, due, id);
                    CREATE INDEX event_postponed ON event (shard, lane, accepted) WHERE due > accepted;
                    CREATE TABLE eventShard (
                        shard INTEGER NOT NULL PRIMARY KEY,
                        owner TEXT NOT NULL,
                        epoch INTEGER NOT NULL,
                        leasedUntil INTEGER NOT NULL
                    ) STRICT;
                    CREATE TABLE eventConsumer (
                        owner TEXT NOT NULL PRIMARY KEY,
                        joinedUntil INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        return migrator
    }
}
