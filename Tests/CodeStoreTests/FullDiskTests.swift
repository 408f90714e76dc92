import Foundation
import LambdaAPI
import Logging
import TestSupport
import Testing

@testable import CodeStore

/// A disk without space left, which is a file system of its own.
struct FullDiskTests {
    private static let diskSize = 16 << 20
    private let disk: SmallDisk

    init() throws {
        disk = try SmallDisk(bytes: Self.diskSize)
    }

    private var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// A package whose content takes so many bytes, and its archive next to none.
    private func archive(_ text: String, size: Int) throws -> [UInt8] {
        try ZipWriter.archive(of: [
            ZipWriter.File(path: "a", permissions: 0o644, content: Array(text.utf8)),
            ZipWriter.File(path: "b", permissions: 0o644, content: [UInt8](repeating: 0, count: size)),
        ])
    }

    private func text(of hash: CodeHash, on store: CodeStore) async throws(CodeStoreError) -> String? {
        try await store.withContent(of: hash) { try? String(contentsOfFile: "\($0.directory)/a", encoding: .utf8) }
    }

    /// What is unfinished or on its way out.
    private func temporary(of store: CodeStore) async throws -> [String] {
        await store.lastEviction?.value
        return try FileManager.default.contentsOfDirectory(atPath: "\(disk.path)/code/temporary")
    }

    private func expectNoSpace(on store: CodeStore, _ body: () async throws -> Void) async throws {
        let error = await #expect(throws: CodeStoreError.self) { try await body() }
        #expect(error?.code == .unavailable)
        #expect(error?.description.lowercased().contains("no space left on") == true)
        #expect(try await temporary(of: store).isEmpty)
    }

    private func store(_ bucket: TestBucket?) async throws -> CodeStore {
        guard let bucket else { return try await CodeStore(directory: "\(disk.path)/code", logger: logger) }
        return try await CodeStore(directory: "\(disk.path)/code", bucket: bucket)
    }

    @Test(arguments: [false, true])
    func contentThatIsNotInUseMakesRoom(isInBucket: Bool) async throws {
        let store = try await store(isInBucket ? try await TestBucket() : nil)
        var hashes: [CodeHash] = []
        for number in 0..<4 { hashes.append(try await store.put(archive("\(number)", size: 6 << 20)).hash) }
        for (number, hash) in hashes.enumerated() { #expect(try await text(of: hash, on: store) == "\(number)") }
        #expect(try await temporary(of: store).isEmpty)
    }

    @Test(arguments: [false, true])
    func contentInUseStaysAndTheErrorSaysThatThereIsNoSpace(isInBucket: Bool) async throws {
        let store = try await store(isInBucket ? try await TestBucket() : nil)
        let one = try await store.put(archive("one", size: 10 << 20)).hash
        let other = try archive("two", size: 10 << 20)
        try await store.withContent(of: one) { content in
            do {
                try await expectNoSpace(on: store) { _ = try await store.put(other) }
            } catch {
                Issue.record(error)
            }
            #expect((try? String(contentsOfFile: "\(content.directory)/a", encoding: .utf8)) == "one")
        }
        #expect(try await text(of: store.put(other).hash, on: store) == "two")
    }

    @Test func cacheOfASmallDiskMayTakeAGigabyteAllTheSame() throws {
        #expect(try CodeStore.cacheSizeDefault(on: disk.path).bytes == 1 << 30)
        let size = try CodeStore.cacheSizeDefault(on: "/").bytes
        #expect((1 << 30...10 << 30).contains(size))
    }

    @Test func archiveFindsRoomToo() async throws {
        let store = try await store(nil)
        let noise = try TestBucket.noise(6 << 20)
        _ = try await store.put(archive("idle", size: 3 << 20))
        // Twelve MiB as archive and content.
        let archive = try ZipWriter.archive(of: [ZipWriter.File(path: "a", permissions: 0o644, content: noise)])
        let hash = try await store.put(archive).hash
        #expect(try await store.archive(hash) == archive)
        try await expectNoSpace(on: store) {
            _ = try await store.put(
                try ZipWriter.archive(of: [ZipWriter.File(path: "b", permissions: 0o644, content: noise)])
            )
        }
        #expect(try await store.archive(hash) == archive)
    }

    @Test func manyAtOnceFindRoomOneAfterTheOther() async throws {
        let store = try await store(try await TestBucket())
        let archives = try (0..<6).map { try archive("\($0)", size: 4 << 20) }
        for archive in archives { _ = try await store.put(archive) }
        // Two at a time have room, whatever is there already.
        let hashes = archives.map { CodeHash(of: $0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<2 {
                group.addTask {
                    for index in stride(from: worker, to: 6, by: 2) {
                        let found = try await text(of: hashes[index], on: store)
                        #expect(found == "\(index)")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await temporary(of: store).isEmpty)
    }
}

/// A file system in memory of a certain size, which ends with the test.
private final class SmallDisk: Sendable {
    private let directory: TemporaryDirectory
    var path: String { directory.path }

    init(bytes: Int) throws {
        directory = try TemporaryDirectory()
        try Self.run("mount", "-t", "tmpfs", "-o", "size=\(bytes)", "tmpfs", directory.path)
    }

    deinit {
        do {
            try Self.run("umount", directory.path)
        } catch {
            fatalError("failed to unmount \(directory.path): \(error)")
        }
    }

    private static func run(_ command: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ObjectService.Failure(
                description: "\(command.joined(separator: " ")) ended with \(process.terminationStatus)"
            )
        }
    }
}
