import LambdaAPI
import MetadataStore
import MetadataStorePostgres
import MetadataStoreSQL
import MetadataStoreSQLite
import Synchronization
import TestSupport
import Testing

/// A store that the contract is checked against: each backend adds a case.
enum StoreBackend {
    case sqlite
    case postgres

    /// Those that there are here: PostgreSQL where tests are run by `scripts/with-postgres`.
    static var allCases: [StoreBackend] { TestPostgres.server == nil ? [.sqlite] : [.sqlite, .postgres] }

    /// An empty store in a directory of the test's own.
    func makeStore(in directory: TemporaryDirectory) async throws -> any MetadataStore {
        switch self {
        case .sqlite: try SQLMetadataStore(sqliteFile: "\(directory.path)/metadata.sqlite")
        case .postgres: SQLMetadataStore(try await PostgresDatabase(.test(directory)))
        }
    }
}

/// What every metadata store promises.
struct MetadataStoreContract {
    private func record(_ name: String, revision: String = "1", code: String = "aa", size: Int = 10) -> FunctionRecord {
        Self.record(name, revision: revision, code: code, size: size)
    }

    static func record(_ name: String, revision: String = "1", code: String = "aa", size: Int = 10) -> FunctionRecord {
        FunctionRecord(
            name: FunctionName(name),
            revisionID: revision,
            definition: FunctionDefinition(
                configurationID: "c\(revision)",
                codeHash: code,
                codeSize: size,
                runtime: "python3.11",
                handler: "app.handler",
                role: "arn:aws:iam::000000000000:role/r",
                description: "ünïcode \"quoted\"",
                timeoutSeconds: 3,
                memoryMegabytes: 128,
                ephemeralStorageMegabytes: 512,
                environment: ["A": "1\n2"],
                architecture: "x86_64",
                tracingMode: "PassThrough",
                logging: .init(format: "Text", applicationLevel: nil, systemLevel: nil, group: "/aws/lambda/f")
            ),
            status: FunctionStatus(state: .active, lastUpdate: .successful),
            tags: ["team": "a"],
            lastModified: Timestamp(milliseconds: 1_704_067_200_123)
        )
    }

    @Test(arguments: StoreBackend.allCases)
    func recordIsReadAsItWasWritten(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        var written = record("f")
        written.definitionBeforeUpdate = record("f", code: "bb").definition
        try await store.insert(written)
        #expect(try await store.function(named: FunctionName("f")) == written)
        #expect(try await store.function(named: FunctionName("F")) == nil)
    }

    @Test(arguments: StoreBackend.allCases)
    func nameIsTakenOnce(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(record("f"))
        let error = await #expect(throws: MetadataStoreError.self) {
            try await store.insert(record("f", revision: "2"))
        }
        #expect(error?.code == .exists)
        #expect(try await store.function(named: FunctionName("f"))?.revisionID == "1")
    }

    @Test(arguments: StoreBackend.allCases)
    func replacementOfAnotherRevisionChangesNothing(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(record("f"))
        try await store.replace(record("f", revision: "2"), expecting: 0)
        for (name, expected) in [("f", 0), ("nobody", 0)] {
            let error = await #expect(throws: MetadataStoreError.self) {
                try await store.replace(record(name, revision: "3"), expecting: expected)
            }
            #expect(error?.code == .conflict)
        }
        #expect(try await store.function(named: FunctionName("f"))?.revisionID == "2")
    }

    @Test(arguments: StoreBackend.allCases)
    func ofConcurrentReplacementsOneWins(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(record("f"))
        let wins = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<16 {
                group.addTask {
                    (try? await store.replace(record("f", revision: "new\(index)"), expecting: 0)) != nil
                }
            }
            return await group.reduce(0) { $1 ? $0 + 1 : $0 }
        }
        #expect(wins == 1)
    }

    @Test(arguments: StoreBackend.allCases)
    func pagesNeitherRepeatNorHideWhileFunctionsComeAndGo(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        for name in ["a", "b", "d", "e"] { try await store.insert(record(name)) }
        let first = try await store.functions(after: nil, limit: 2).map(\.name.rawValue)
        #expect(first == ["a", "b"])
        _ = try await store.delete(FunctionName("b"))
        try await store.insert(record("c"))
        let second = try await store.functions(after: FunctionName("b"), limit: 10).map(\.name.rawValue)
        #expect(second == ["c", "d", "e"])
    }

    @Test(arguments: StoreBackend.allCases)
    func functionIsDeletedOnceAndItsNameIsFreeAgain(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(record("f"))
        #expect(try await store.delete(FunctionName("f")))
        #expect(try await !store.delete(FunctionName("f")))
        #expect(try await store.function(named: FunctionName("f")) == nil)
        try await store.insert(record("f", revision: "2"))
    }

    @Test(arguments: StoreBackend.allCases)
    func changesAreToldBeforeTheirWritesReturnAndRefusedOnesAreNot(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let told = Mutex<[FunctionChange]>([])
        store.observe { change in told.withLock { $0.append(change) } }
        var expected: [FunctionChange] = []
        func expectTold(_ change: FunctionChange?) {
            if let change { expected.append(change) }
            #expect(told.withLock { $0 } == expected)
        }
        try await store.insert(record("f"))
        expectTold(.written(record("f")))
        _ = try? await store.insert(record("f", revision: "9"))
        _ = try? await store.replace(record("f", revision: "9"), expecting: 8)
        _ = try await store.delete(FunctionName("g"))
        expectTold(nil)
        try await store.replace(record("f", revision: "2"), expecting: 0)
        expectTold(.written(record("f", revision: "2").generation(1)))
        _ = try await store.delete(FunctionName("f"))
        expectTold(.deleted(FunctionName("f")))
    }

    /// Many writers at once: what the observer has heard last of a function is what is stored.
    @Test(arguments: StoreBackend.allCases)
    func changesAreToldInTheOrderOfTheWrites(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let copy = Mutex<[FunctionName: FunctionRecord]>([:])
        store.observe { change in
            switch change {
            case .written(let record): copy.withLock { $0[record.name] = record }
            case .deleted(let name): copy.withLock { $0[name] = nil }
            case .versionWritten, .versionDeleted, .missed: Issue.record("no version was written")
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(writer))
                    for step in 0..<60 {
                        let name = ["f", "g"].randomElement(using: &random) ?? "f"
                        let current = try? await store.function(named: FunctionName(name))
                        let next = record(name, revision: "\(writer).\(step)")
                        if Int.random(in: 0..<4, using: &random) == 0 {
                            _ = try? await store.delete(FunctionName(name))
                        } else if let current {
                            try? await store.replace(next, expecting: current.generation)
                        } else {
                            try? await store.insert(next)
                        }
                    }
                }
            }
        }
        for name in ["f", "g"].map({ FunctionName($0) }) {
            let stored = try await store.function(named: name)
            #expect(stored == copy.withLock { $0[name] })
        }
    }

    @Test(arguments: StoreBackend.allCases)
    func usageAndReferencesCountEveryFunction(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        #expect(try await store.usage() == StoreUsage(functionCount: 0, codeSize: 0))
        try await store.insert(record("f", code: "aa", size: 10))
        var updating = record("g", code: "bb", size: 20)
        updating.definitionBeforeUpdate = record("g", code: "cc").definition
        updating.status.lastUpdate = .inProgress
        try await store.insert(updating)
        #expect(try await store.usage() == StoreUsage(functionCount: 2, codeSize: 30))
        #expect(try await store.referencedCode() == ["aa", "bb", "cc"])
        #expect(try await store.unfinishedFunctions().map(\.name.rawValue) == ["g"])
    }

    @Test(arguments: StoreBackend.allCases)
    func acknowledgedRecordSurvivesReopening(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        try await backend.makeStore(in: directory).insert(record("f"))
        let reopened = try await backend.makeStore(in: directory)
        #expect(try await reopened.function(named: FunctionName("f")) == record("f"))
    }

    // MARK: Versions

    private func version(_ number: Int, of name: String = "f", code: String = "vv") -> VersionRecord {
        VersionRecord(
            functionName: FunctionName(name),
            number: number,
            revisionID: "v\(number)",
            definition: record(name, code: code).definition,
            description: "version \(number)",
            status: FunctionStatus(state: .pending),
            lastModified: Timestamp(milliseconds: 1_704_067_200_123)
        )
    }

    @Test(arguments: StoreBackend.allCases)
    func versionsComeAndGoWithAWriteOfTheirFunction(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let name = FunctionName("f")
        try await store.insert(record("f"), versions: [version(1)])
        try await store.replace(record("f"), expecting: 0, versions: [.added(version(2)), .added(version(3))])
        #expect(try await store.version(2, of: name) == version(2))
        #expect(try await store.version(4, of: name) == nil)
        #expect(try await store.versions(of: name, after: 1, limit: 1) == [version(2)])
        try await store.replace(record("f"), expecting: 1, versions: [.deleted(2)])
        #expect(try await store.versions(of: name, after: 0, limit: 9).map(\.number) == [1, 3])
        #expect(try await store.unfinishedVersions().map(\.number) == [1, 3])
        #expect(try await store.referencedCode() == ["aa", "vv"])
        #expect(try await store.usage() == StoreUsage(functionCount: 1, codeSize: 30))
        _ = try await store.delete(name)
        #expect(try await store.versions(of: name, after: 0, limit: 9).isEmpty)
    }

    @Test(arguments: StoreBackend.allCases)
    func refusedWriteLeavesVersionsAsTheyWere(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(record("f"), versions: [version(1)])
        let refused: [(generation: Int, changes: [VersionChange])] = [
            (7, [.added(version(2))]), (0, [.added(version(2)), .deleted(9)]), (0, [.added(version(1))]),
        ]
        for (generation, changes) in refused {
            await #expect(throws: MetadataStoreError.self) {
                try await store.replace(record("f", revision: "2"), expecting: generation, versions: changes)
            }
        }
        #expect(try await store.function(named: FunctionName("f")) == record("f"))
        #expect(try await store.versions(of: FunctionName("f"), after: 0, limit: 9) == [version(1)])
    }

    @Test(arguments: StoreBackend.allCases)
    func versionIsReplacedOnlyInItsRevision(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let told = Mutex<[FunctionChange]>([])
        try await store.insert(record("f"), versions: [version(1)])
        store.observe { change in told.withLock { $0.append(change) } }
        var active = version(1)
        active.revisionID = "w"
        active.status = FunctionStatus(state: .active, lastUpdate: .successful)
        try await store.replaceVersion(active, expecting: "v1")
        let error = await #expect(throws: MetadataStoreError.self) {
            try await store.replaceVersion(version(1), expecting: "v1")
        }
        #expect(error?.code == .conflict)
        #expect(try await store.version(1, of: FunctionName("f")) == active)
        #expect(try await store.unfinishedVersions().isEmpty)
        try await store.replace(record("f"), expecting: 0, versions: [.deleted(1)])
        let expected: [FunctionChange] = [
            .versionWritten(active), .versionDeleted(FunctionName("f"), 1), .written(record("f").generation(1)),
        ]
        #expect(told.withLock { $0 } == expected)
    }

    // MARK: Concurrency

    @Test(arguments: StoreBackend.allCases)
    func functionsTogetherClaimNoMoreThanAllowed(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        for index in 0..<8 { try await store.insert(record("f\(index)")) }
        let wins = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<8 {
                group.addTask {
                    var next = record("f\(index)")
                    next.concurrency.reserved = 3
                    return (try? await store.replace(next, expecting: 0, versions: [], claimedMax: 10)) != nil
                }
            }
            return await group.reduce(0) { $1 ? $0 + 1 : $0 }
        }
        #expect(wins == 3)
        #expect(try await store.usage().claimedConcurrency == 9)
        #expect(try await store.functionsWithConcurrencySettings().count == 3)
        var next = record("g")
        next.concurrency.provisioned["1"] = .init(count: 1, lastModified: Timestamp(milliseconds: 0))
        try await store.insert(next)
        #expect(try await store.usage().claimedConcurrency == 10)
        next.concurrency.provisioned["2"] = .init(count: 1, lastModified: Timestamp(milliseconds: 0))
        let tooMuch = next
        let error = await #expect(throws: MetadataStoreError.self) {
            try await store.replace(tooMuch, expecting: 0, versions: [], claimedMax: 10)
        }
        #expect(error?.code == .limitExceeded)
        #expect(try await store.usage().claimedConcurrency == 10)
    }

    @Test(arguments: StoreBackend.allCases)
    func reservationOfNothingIsASetting(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        var record = record("f")
        record.concurrency.reserved = 0
        try await store.insert(record)
        #expect(try await store.functionsWithConcurrencySettings() == [record])
    }
}

extension FunctionRecord {
    /// The record as it is stored after so many writes.
    fileprivate func generation(_ generation: Int) -> FunctionRecord {
        var next = self
        next.generation = generation
        return next
    }
}
