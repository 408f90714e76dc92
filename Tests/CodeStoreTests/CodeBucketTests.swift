import Foundation
import Logging
import TestSupport
import Testing

@testable import CodeStore

/// Hosts whose packages are in a bucket, each with a bounded cache.
struct CodeBucketTests {
    private let bucket: TestBucket
    private let directory: TemporaryDirectory

    init() async throws {
        bucket = try await TestBucket()
        directory = try TemporaryDirectory()
    }

    /// A host of its own, or the same one after a restart of its process.
    private func host(
        _ name: String = "a",
        cacheSizeMax: Int = 1 << 30,
        retention: Duration = CodeStore.retention
    ) async throws -> CodeStore {
        try await CodeStore(
            directory: "\(directory.path)/\(name)",
            bucket: bucket,
            cacheSizeMax: cacheSizeMax,
            retention: retention
        )
    }

    private func archive(_ text: String, size: Int = 1) throws -> [UInt8] {
        try ZipWriter.archive(of: [
            ZipWriter.File(path: "a", permissions: 0o644, content: Array(text.utf8)),
            ZipWriter.File(path: "b", permissions: 0o644, content: [UInt8](repeating: 0, count: size)),
        ])
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    private func text(of hash: CodeHash, on store: CodeStore) async throws -> String? {
        try await store.withContent(of: hash) { text("\($0.directory)/a") }
    }

    /// Nothing of what was evicted is left.
    private func expectNothingSetAside(by store: CodeStore) async throws {
        await store.lastEviction?.value
        #expect(try names("temporary").isEmpty)
    }

    private func names(_ path: String, on host: String = "a") throws -> [String] {
        let path = "\(directory.path)/\(host)/\(path)"
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    /// The trees of packages on a host's disk.
    private func trees(_ kind: String = "unpacked", on host: String = "a") throws -> [String] {
        try names("\(kind)/\(names(kind, on: host)[0])", on: host)
    }

    private func code(_ body: () async throws -> Void) async -> CodeStoreError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? CodeStoreError)?.code
        }
    }

    // MARK: Two hosts

    @Test func whatOneHostStoresAnotherRuns() async throws {
        let (one, two) = (try await host("a"), try await host("b"))
        let archive = try archive("one")
        let hash = try await one.put(archive).hash
        #expect(try await text(of: hash, on: two) == "one")
        #expect(try await two.archive(hash) == archive)
        #expect(try names("archives", on: "a").isEmpty && names("archives", on: "b").isEmpty)
        #expect(try names("temporary", on: "b").isEmpty)
    }

    @Test func layersOfTheBucketAreMerged() async throws {
        let (one, two) = (try await host("a"), try await host("b"))
        let layers = [try await one.put(archive("1")).hash, try await one.put(archive("2")).hash]
        let stack = try #require(LayerStack(layers))
        let merged = try await two.withContent(of: layers[0], layers: stack) { content in
            [text("\(content.directory)/a"), content.layers.flatMap { text("\($0.directory)/a") }]
        }
        #expect(merged == ["1", "2"])
    }

    @Test func refusedPackageIsNotPut() async throws {
        let store = try await host()
        #expect(await code { _ = try await store.put(Array("no zip".utf8)) } == .invalidArchive)
        #expect(try await bucket.asked("PUT").count == 1, "the one that made the bucket")
    }

    @Test func packageThatCannotBeStoredIsNotAcknowledged() async throws {
        let store = try await host()
        try await bucket.inject(.status(403, "AccessDenied", to: "PUT"))
        #expect(await code { _ = try await store.put(try archive("one")) } == .unreachable)
        try await bucket.inject()
        #expect(try await text(of: store.put(try archive("one")).hash, on: store) == "one")
    }

    // MARK: Downloads

    @Test func packageIsFetchedOnceHoweverManyAsk() async throws {
        let hash = try await host("a").put(archive("one")).hash
        let store = try await host("b")
        try await bucket.inject(.init(method: "GET", kind: "hold", count: 1))
        let waiters = (0..<8).map { _ in Task { try await text(of: hash, on: store) } }
        try await bucket.waitUntilHeld(1)
        // Nobody else's business.
        waiters[0].cancel()
        waiters[3].cancel()
        try await bucket.release()
        for waiter in waiters { #expect(try await waiter.value == "one") }
        #expect(try await text(of: hash, on: store) == "one")
        #expect(try await bucket.asked("GET").count == 1)
    }

    @Test func failedFetchIsTriedAnewByTheNextThatAsks() async throws {
        let hash = try await host("a").put(archive("one")).hash
        let store = try await host("b")
        try await bucket.inject(.status(403, "AccessDenied", to: "GET"))
        #expect(await code { _ = try await text(of: hash, on: store) } == .unreachable)
        try await bucket.inject()
        #expect(try await text(of: hash, on: store) == "one")
        #expect(await code { _ = try await store.archive(CodeHash(of: [1])) } == .notFound)
        #expect(await code { _ = try await text(of: CodeHash(of: [1]), on: store) } == .notFound)
    }

    /// It may have been asked for just before, and its fetch be about to fail.
    @Test func packageIsStoredWhileOthersFailToFetchIt() async throws {
        let store = try await host()
        let archive = try archive("one")
        let hash = CodeHash(of: archive)
        try await bucket.inject(.init(method: "GET", kind: "hold", count: 1))
        let waiter = Task { await code { _ = try await text(of: hash, on: store) } }
        try await bucket.waitUntilHeld(1)
        let put = Task { try await store.put(archive).hash }
        try await bucket.release()
        #expect(try await put.value == hash)
        _ = await waiter.value
        #expect(try await text(of: hash, on: store) == "one")
    }

    @Test func onlySoManyPackagesAreFetchedAtATime() async throws {
        let first = try await host("a")
        var hashes: [CodeHash] = []
        for number in 0..<12 { hashes.append(try await first.put(archive("\(number)")).hash) }
        let store = try await host("b")
        try await bucket.inject(.init(method: "GET", kind: "hold"))
        let all = hashes
        let work = Task {
            try await withThrowingTaskGroup(of: String?.self) { group in
                for hash in all { group.addTask { try await text(of: hash, on: store) } }
                return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
        }
        try await bucket.waitUntilHeld(CodeStore.downloadsMax)
        try await bucket.release()
        #expect(try await work.value == Set((0..<12).map { "\($0)" }))
        #expect(try await bucket.peak() == CodeStore.downloadsMax)
    }

    // MARK: The bound

    @Test func treesThatNobodyUsesKeepToTheBound() async throws {
        let store = try await host(cacheSizeMax: 1 << 20)
        var hashes: [CodeHash] = []
        for number in 0..<6 { hashes.append(try await store.put(archive("\(number)", size: 300_000)).hash) }
        #expect(try Set(trees()) == Set(hashes.suffix(3).map(\.hexadecimal)))
        try await expectNothingSetAside(by: store)
        #expect(try await text(of: hashes[0], on: store) == "0")
        #expect(try Set(trees()) == Set([hashes[0], hashes[4], hashes[5]].map(\.hexadecimal)))
    }

    @Test func treeInUseStaysWhateverTheBound() async throws {
        let store = try await host(cacheSizeMax: 1 << 20)
        let hashes = [
            try await store.put(archive("1", size: 900_000)).hash,
            try await store.put(archive("2", size: 900_000)).hash,
        ]
        try await store.withContent(of: hashes[0]) { one throws(CodeStoreError) in
            try await store.withContent(of: hashes[1]) { two in
                #expect(text("\(one.directory)/a") == "1" && text("\(two.directory)/a") == "2")
            }
            #expect(text("\(one.directory)/a") == "1")
            #expect(
                !FileManager.default.fileExists(atPath: one.directory.replacing("\(hashes[0])", with: "\(hashes[1])"))
            )
        }
        #expect(try trees() == [hashes[0].hexadecimal])
    }

    @Test func mergedTreeCountsAndOutlivesItsLayers() async throws {
        let store = try await host(cacheSizeMax: 1 << 20)
        let layers = [
            try await store.put(archive("1", size: 200_000)).hash,
            try await store.put(archive("2", size: 300_000)).hash,
        ]
        let stack = try #require(LayerStack(layers))
        try await store.withLayers(stack) { tree in
            #expect(text("\(tree.directory)/a") == "2")
        }
        let other = try await store.put(archive("3", size: 700_000)).hash
        #expect(try trees() == [other.hexadecimal])
        #expect(try trees("merged") == [stack.identifier.hexadecimal])
        try await store.withLayers(stack) { tree in #expect(text("\(tree.directory)/a") == "2") }
        _ = try await store.put(archive("4", size: 900_000))
        #expect(try trees("merged").isEmpty)
        try await store.withLayers(stack) { tree in #expect(text("\(tree.directory)/a") == "2") }
    }

    @Test func footprintIsTheSameUnpackedAndSurveyed() async throws {
        let store = try await host()
        let hash = try await store.put(
            try Python.zip(
                """
                entry('a/b/c', 0o644, bytes(5000))
                entry('a/d', 0o644, b'')
                entry('l', 0o777, b'a/d', stat.S_IFLNK)
                entry('e/', 0o755, b'', stat.S_IFDIR)
                """
            )
        ).hash
        let size = await store.cache.size
        #expect(size == 4096 * (1 + 2 + 1 + 1 + 3))
        let survey = try await store.withContent(of: hash) { content throws(CodeStoreError) in
            try TreeSurvey(of: content.directory).footprint.bytes
        }
        #expect(survey == size)
        #expect(await (try host()).cache.size == size)
    }

    @Test func restartKeepsWhatIsWholeAndCountsIt() async throws {
        let store = try await host()
        let hash = try await store.put(archive("one", size: 300_000)).hash
        _ = try await store.put(archive("two", size: 300_000))
        try FileManager.default.createDirectory(
            atPath: "\(directory.path)/a/temporary/unfinished",
            withIntermediateDirectories: false
        )
        let size = await store.cache.size
        let again = try await host()
        #expect(await again.cache.size == size)
        #expect(try await text(of: hash, on: again) == "one")
        #expect(try await bucket.asked("GET").isEmpty)
        #expect(try names("temporary").isEmpty)
        let smaller = try await host(cacheSizeMax: 400_000)
        #expect(try trees().count == 1)
        #expect(try await text(of: hash, on: smaller) == "one")
    }

    @Test func hostThatLosesItsDirectoryFetchesAnew() async throws {
        let hash = try await host().put(archive("one")).hash
        try FileManager.default.removeItem(atPath: "\(directory.path)/a")
        #expect(try await text(of: hash, on: host()) == "one")
    }

    /// Everybody finds what they asked for whole, while there is room for one of them only.
    @Test func usingAndEvictingAtOnceLeavesEachTreeWholeWhileItIsUsed() async throws {
        let store = try await host(cacheSizeMax: 50_000)
        var packages: [(CodeHash, String)] = []
        for number in 0..<4 {
            packages.append((try await store.put(archive("\(number)", size: 30_000)).hash, "\(number)"))
        }
        let all = packages
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<6 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(worker))
                    for _ in 0..<20 {
                        let (hash, expected) = all[Int.random(in: all.indices, using: &random)]
                        try await store.withContent(of: hash) { content in
                            #expect(text("\(content.directory)/a") == expected)
                            await Task.yield()
                            #expect(FileManager.default.fileExists(atPath: "\(content.directory)/b"))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(await store.cache.size <= 50_000)
        try await expectNothingSetAside(by: store)
    }

    // MARK: Removing

    private let start = ContinuousClock.now

    @Test func startRemovesNothingFromTheBucket() async throws {
        let (one, two) = (try await host("a"), try await host("b"))
        let hash = try await one.put(archive("one")).hash
        try await one.recover(referenced: [])
        #expect(try trees().isEmpty)
        #expect(try await text(of: hash, on: two) == "one")
        #expect(try await text(of: hash, on: one) == "one")
    }

    @Test func whatAnotherHasJustStoredIsNotRemoved() async throws {
        let (one, two) = (try await host("a"), try await host("b"))
        let hash = try await one.put(archive("one")).hash
        for round in 0..<3 {
            #expect(try await two.removeUnreferenced(but: [], at: start + CodeStore.retention * round) == 0)
        }
        #expect(try await text(of: hash, on: two) == "one")
    }

    @Test func oldPackageThatNobodyRefersToIsRemovedByWhoeverLooks() async throws {
        let (one, two) = (try await host("a"), try await host("b"))
        let hash = try await one.put(archive("one")).hash
        let kept = try await one.put(archive("two")).hash
        try await bucket.inject(.init(kind: "date", seconds: 2000))
        #expect(try await two.removeUnreferenced(but: [kept], at: start) == 0)
        #expect(try await two.removeUnreferenced(but: [kept], at: start + CodeStore.retention) == 1)
        #expect(await code { _ = try await two.archive(hash) } == .notFound)
        #expect(try await two.archive(kept).isEmpty == false)
        // The other comes too late, which is nothing to it but that its tree goes.
        try await one.removeUnreferenced(but: [kept], at: start)
        try await one.removeUnreferenced(but: [kept], at: start + CodeStore.retention)
        #expect(try trees() == [kept.hexadecimal])
    }

    /// By the server's clock it is old, but it has been stored anew between the look at the list and the removal.
    @Test func whatIsStoredAnewBeforeTheRemovalStays() async throws {
        let (one, two) = (try await host("a"), try await host("b"))
        let archive = try archive("one")
        let hash = try await one.put(archive).hash
        try await bucket.inject(.init(kind: "date", seconds: 2000))
        _ = try await two.unreferenced(but: [], at: start)
        let found = try await two.unreferenced(but: [], at: start + CodeStore.retention)
        #expect(found == [hash])
        try await bucket.inject()
        #expect(try await one.put(archive).hash == hash)
        #expect(try await two.remove(found, but: [], at: start + CodeStore.retention) == 0)
        #expect(try await two.archive(hash) == archive)
        #expect(try await bucket.asked("DELETE").isEmpty)
    }

    @Test func whatIsReferredToBeforeTheRemovalStays() async throws {
        let store = try await host()
        let hash = try await store.put(archive("one")).hash
        try await bucket.inject(.init(kind: "date", seconds: 2000))
        _ = try await store.unreferenced(but: [], at: start)
        let found = try await store.unreferenced(but: [], at: start + CodeStore.retention)
        #expect(found == [hash])
        #expect(try await store.remove(found, but: [hash], at: start + CodeStore.retention) == 0)
        #expect(try await store.archive(hash).isEmpty == false)
    }

    @Test func whatIsInUseHereIsNotRemoved() async throws {
        let store = try await host()
        let hash = try await store.put(archive("one")).hash
        try await bucket.inject(.init(kind: "date", seconds: 2000))
        try await store.withContent(of: hash) { content throws(CodeStoreError) in
            for round in 0..<3 {
                #expect(try await store.removeUnreferenced(but: [], at: start + CodeStore.retention * round) == 0)
            }
            #expect(text("\(content.directory)/a") == "one")
        }
    }

    /// While its removal is held up on the way to the bucket, the same package is stored: it must be there afterwards.
    @Test func packageThatIsStoredDuringItsRemovalIsStoredAfterIt() async throws {
        let store = try await host(retention: .zero)
        let archive = try archive("one")
        let hash = try await store.put(archive).hash
        try await bucket.inject(.init(method: "DELETE", kind: "hold", count: 1))
        let removal = Task { try await store.removeUnreferenced(but: [], at: start) }
        try await bucket.waitUntilHeld(1)
        let put = Task { try await store.put(archive) }
        try await bucket.release()
        #expect(try await removal.value == 1)
        #expect(try await put.value.hash == hash)
        #expect(try await store.archive(hash) == archive)
        #expect(try await text(of: hash, on: store) == "one")
    }

    @Test func removalThatFailsIsToldAndTriedAgain() async throws {
        let store = try await host(retention: .zero)
        let hash = try await store.put(archive("one")).hash
        try await bucket.inject(.status(403, "AccessDenied", to: "DELETE"))
        #expect(await code { _ = try await store.removeUnreferenced(but: [], at: start) } == .unreachable)
        try await bucket.inject()
        #expect(try await text(of: hash, on: store) == "one")
        #expect(try await store.removeUnreferenced(but: [], at: start) == 1)
        #expect(await code { _ = try await store.archive(hash) } == .notFound)
    }

    @Test func packagesOfTheDiskMoveIntoTheBucket() async throws {
        let local = try await CodeStore(directory: "\(directory.path)/a", logger: .init(label: "test"))
        let archive = try archive("one")
        let hash = try await local.put(archive).hash
        let unused = try await local.put(self.archive("unused")).hash
        let store = try await host()
        try await store.recover(referenced: [hash])
        #expect(try names("archives").isEmpty)
        #expect(try await host("b").archive(hash) == archive)
        #expect(await code { _ = try await store.archive(unused) } == .notFound)
    }
}
