import Foundation
import LambdaAPI
import Logging
import TestSupport
import Testing

@testable import CodeStore

struct CodeStoreTests {
    private let directory: TemporaryDirectory
    private let store: CodeStore

    init() async throws {
        directory = try TemporaryDirectory()
        store = try await CodeStore(directory: "\(directory.path)/code", logger: Logger(label: "test"))
    }

    private func unpacked(_ archive: [UInt8]) async throws -> String {
        try await store.unpackedDirectory(of: try await store.put(archive).hash)
    }

    private func failure(_ archive: [UInt8]) async -> CodeStoreError.Code? {
        do throws(CodeStoreError) {
            _ = try await store.put(archive)
            return nil
        } catch {
            return error.code
        }
    }

    /// Nothing unfinished and nothing refused may stay behind.
    private func expectNothingKept(sourceLocation: SourceLocation = #_sourceLocation) throws {
        for name in ["archives", "temporary"] {
            let content = try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/code/\(name)")
            #expect(content.isEmpty, sourceLocation: sourceLocation)
        }
    }

    @Test func modesLinksAndContentAreKept() async throws {
        let path = try await unpacked(
            Python.zip(
                """
                entry("bootstrap", 0o755, b"#!/bin/sh")
                entry("lib/data.txt", 0o640, b"data")
                entry("lib/link", 0o777, b"data.txt", stat.S_IFLNK)
                entry("empty/", 0o755, b"", stat.S_IFDIR)
                """
            )
        )
        let manager = FileManager.default
        #expect(try manager.attributesOfItem(atPath: "\(path)/bootstrap")[.posixPermissions] as? Int == 0o755)
        // Readable by everybody: the function runs as a user that owns nothing.
        #expect(try manager.attributesOfItem(atPath: "\(path)/lib/data.txt")[.posixPermissions] as? Int == 0o644)
        #expect(try manager.destinationOfSymbolicLink(atPath: "\(path)/lib/link") == "data.txt")
        #expect(try String(contentsOfFile: "\(path)/lib/link", encoding: .utf8) == "data")
        var isDirectory: ObjCBool = false
        #expect(manager.fileExists(atPath: "\(path)/empty", isDirectory: &isDirectory) && isDirectory.boolValue)
    }

    @Test func hashIsTheArchivesAndDownloadGivesItBack() async throws {
        let archive = try Python.zip("entry('a.py', 0o644, b'x')")
        let package = try await store.put(archive)
        let expected = try Python.output(
            of: "import sys, base64; sys.stdout.write('\(package.hash.base64)')"
        )
        #expect(String(decoding: expected, as: UTF8.self) == package.hash.base64)
        #expect(package.hash.hexadecimal.count == 64)
        #expect(package.size == archive.count)
        #expect(try await store.archive(package.hash) == archive)
    }

    @Test func knownHashHasTheTextsOfAWS() {
        let hash = CodeHash(of: Array("abc".utf8))
        #expect(hash.hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(hash.base64 == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
    }

    @Test(arguments: [
        "entry('../out', 0o644, b'x')", "entry('a/../../out', 0o644, b'x')", "entry('/etc/out', 0o644, b'x')",
        "entry('l', 0o777, b'/etc', stat.S_IFLNK)", "entry('l', 0o777, b'..', stat.S_IFLNK)",
        "entry('a/l', 0o777, b'../../x', stat.S_IFLNK)",
        "entry('l', 0o777, b'.', stat.S_IFLNK)\nentry('l/out', 0o644, b'x')",
        "entry('null', 0o666, b'', stat.S_IFCHR)", "entry('disk', 0o660, b'', stat.S_IFBLK)",
        "entry('socket', 0o644, b'', stat.S_IFSOCK)",
        "entry('a', 0o644, b'x')\nentry('a/b', 0o644, b'x')", "entry('n' * 300, 0o644, b'x')",
    ])
    func hostileArchiveIsRefusedWhole(statements: String) async throws {
        #expect(await failure(try Python.zip(statements)) == .invalidArchive)
        try expectNothingKept()
        #expect(!FileManager.default.fileExists(atPath: "/etc/out"))
    }

    @Test func bytesThatAreNoArchiveAreRefused() async throws {
        let archive = try Python.zip("entry('a', 0o644, b'x' * 1000)")
        for bytes in [
            [], Array("no zip".utf8), Array(archive.prefix(archive.count / 2)), [UInt8](repeating: 0, count: 9),
        ] {
            #expect(await failure(bytes) != nil)
        }
        #expect(await failure(try Python.zip("pass")) == .emptyArchive)
        try expectNothingKept()
    }

    @Test func damagedContentIsRefused() async throws {
        var archive = try Python.zip("z.compression = zipfile.ZIP_STORED\nentry('a', 0o644, b'x' * 1000)")
        archive[200] ^= 0xFF
        #expect(await failure(archive) == .invalidArchive)
        try expectNothingKept()
    }

    @Test func bombStopsAtTheLimit() async throws {
        let bomb = try Python.zip(
            """
            with z.open('zeros', 'w', force_zip64=True) as f:
                for _ in range(260): f.write(bytes(1 << 20))
            """
        )
        #expect(bomb.count < 1 << 20)
        #expect(await failure(bomb) == .contentTooLarge)
        try expectNothingKept()
    }

    @Test func archiveOverTheUploadLimitIsRefused() async throws {
        #expect(await failure([UInt8](repeating: 0, count: Limits.zipSizeMax.bytes + 1)) == .archiveTooLarge)
    }

    @Test func samePackageStoredAtOnceIsStoredOnce() async throws {
        let archive = try Python.zip("for i in range(200): entry(f'f{i}', 0o644, bytes(1000))")
        let hashes = try await withThrowingTaskGroup(of: CodeHash.self) { group in
            for _ in 0..<8 { group.addTask { try await store.put(archive).hash } }
            return try await group.reduce(into: Set<CodeHash>()) { $0.insert($1) }
        }
        #expect(hashes.count == 1)
        let temporary = try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/code/temporary")
        #expect(temporary.isEmpty)
    }

    @Test func lostContentIsUnpackedAgainFromTheArchive() async throws {
        let package = try await store.put(try Python.zip("entry('a', 0o644, b'x')"))
        let path = try await store.unpackedDirectory(of: package.hash)
        try FileManager.default.removeItem(atPath: path)
        #expect(try await store.unpackedDirectory(of: package.hash) == path)
        #expect(try String(contentsOfFile: "\(path)/a", encoding: .utf8) == "x")
    }

    /// Nobody runs what is not what was uploaded, even if it can still be unpacked.
    @Test func archiveThatIsDamagedOnDiskIsNotUnpacked() async throws {
        let package = try await store.put(try Python.zip("entry('a', 0o644, b'x')"))
        try FileManager.default.removeItem(atPath: try await store.unpackedDirectory(of: package.hash))
        let other = Data(try Python.zip("entry('a', 0o644, b'y')"))
        try other.write(to: URL(filePath: "\(directory.path)/code/archives/\(package.hash).zip"))
        let error = await #expect(throws: CodeStoreError.self) { try await store.unpackedDirectory(of: package.hash) }
        #expect(error?.code == .unavailable)
    }

    @Test func startRemovesWhatACrashLeftAndKeepsTheRest() async throws {
        let package = try await store.put(try Python.zip("entry('a', 0o644, b'x')"))
        let leftover = "\(directory.path)/code/temporary/unfinished"
        try FileManager.default.createDirectory(atPath: leftover, withIntermediateDirectories: true)
        let restarted = try await CodeStore(directory: "\(directory.path)/code", logger: Logger(label: "test"))
        #expect(!FileManager.default.fileExists(atPath: leftover))
        #expect(try await restarted.archive(package.hash).count == package.size)
        try await restarted.recover(referenced: [])
        let error = await #expect(throws: CodeStoreError.self) { try await restarted.archive(package.hash) }
        #expect(error?.code == .notFound)
    }

    @Test func packageIsRemovedOnceItHasBeenUnreferencedForTheRetention() async throws {
        let kept = try await store.put(try Python.zip("entry('kept', 0o644, b'x')"))
        let dropped = try await store.put(try Python.zip("entry('dropped', 0o644, b'x')"))
        let directory = try await store.unpackedDirectory(of: dropped.hash)
        let start = ContinuousClock.now
        for (seconds, expected) in [(0, 0), (1799, 0), (1800, 1), (1801, 0)] {
            let now = start + .seconds(seconds)
            #expect(try await store.removeUnreferenced(but: [kept.hash], at: now) == expected)
        }
        #expect(!FileManager.default.fileExists(atPath: directory))
        let error = await #expect(throws: CodeStoreError.self) { try await store.archive(dropped.hash) }
        #expect(error?.code == .notFound)
        #expect(try await store.archive(kept.hash).count == kept.size)
        let temporary = try FileManager.default.contentsOfDirectory(atPath: "\(self.directory.path)/code/temporary")
        #expect(temporary.isEmpty)
    }

    /// Whoever stores, mounts or refers to a package in the meantime begins the retention anew.
    @Test(arguments: ["put", "mount", "refer"])
    func packageInUseIsNotRemoved(use: String) async throws {
        let archive = try Python.zip("entry('a', 0o644, b'x')")
        let package = try await store.put(archive)
        let start = ContinuousClock.now
        try await store.removeUnreferenced(but: [], at: start)
        switch use {
        case "put": _ = try await store.put(archive)
        case "mount": _ = try await store.unpackedDirectory(of: package.hash)
        default: try await store.removeUnreferenced(but: [package.hash], at: start + .seconds(10))
        }
        #expect(try await store.removeUnreferenced(but: [], at: start + .seconds(1800)) == 0)
        #expect(try await store.archive(package.hash) == archive)
        #expect(try await store.removeUnreferenced(but: [], at: start + .seconds(3600)) == 1)
        #expect(try await store.put(archive) == package)
        #expect(try await store.archive(package.hash) == archive)
    }

    /// Storing and removing the same package all the time: whoever has stored it finds it until it is removed again.
    @Test func storingAndRemovingAtOnceLeavesThePackageWhole() async throws {
        let archive = try Python.zip("for i in range(20): entry(f'f{i}', 0o644, bytes(100))")
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for round in 0..<100 {
                    try await store.removeUnreferenced(but: [], at: start + CodeStore.retention * round)
                }
            }
            for _ in 0..<3 {
                group.addTask { for _ in 0..<50 { _ = try await store.put(archive) } }
            }
            try await group.waitForAll()
        }
        let package = try await store.put(archive)
        let path = try await store.unpackedDirectory(of: package.hash)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).count == 20)
        #expect(try await store.archive(package.hash) == archive)
    }

    @Test func refusedPackageIsRefusedForEverybodyWhoStoresItAtOnce() async throws {
        let archive = try Python.zip("entry('../out', 0o644, b'x')")
        let refusals = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { await failure(archive) == .invalidArchive } }
            return await group.reduce(0) { $1 ? $0 + 1 : $0 }
        }
        #expect(refusals == 8)
        try expectNothingKept()
    }
}
