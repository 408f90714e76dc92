import Foundation
import GRDB
import LambdaAPI
import MetadataStore
import MetadataStoreSQL
import TestSupport
import Testing

@testable import MetadataStoreSQLite

struct SchemaTests {
    /// A function as the first release stored it.
    private static let document = """
        {"name":"f","revisionID":"r1","definition":{"configurationID":"c1","codeHash":"aa","codeSize":7,\
        "runtime":"python3.11","handler":"app.handler","role":"r","description":"","timeoutSeconds":3,\
        "memoryMegabytes":128,"ephemeralStorageMegabytes":512,"architecture":"x86_64","tracingMode":"PassThrough",\
        "logging":{"format":"Text","group":"/aws/lambda/f"}},"status":{"state":"Active","lastUpdate":"Successful"},\
        "tags":{},"lastModified":1704067200123}
        """

    @Test func functionOfTheFirstSchemaIsReadAfterMigration() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/metadata.sqlite"
        do {
            let database = try DatabaseQueue(path: path)
            try Schema.migrator(upTo: 1).migrate(database)
            try await database.write { database in
                try database.execute(
                    sql: "INSERT INTO function VALUES ('f', 'r1', 'aa', NULL, 7, 0, ?)",
                    arguments: [Data(Self.document.utf8)]
                )
            }
            try database.close()
        }
        let store = try SQLMetadataStore(sqliteFile: path)
        let record = try #require(try await store.function(named: FunctionName("f")))
        #expect(record.revisionID == "r1")
        #expect(record.generation == 0)
        #expect(record.lastVersion == 0)
        #expect(record.aliases.isEmpty)
        #expect(record.concurrency == ConcurrencySettings())
        try await store.replace(record, expecting: 0)
        #expect(try await store.function(named: FunctionName("f"))?.generation == 1)
    }
}
