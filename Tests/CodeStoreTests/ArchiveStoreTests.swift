import Foundation
import TestSupport
import Testing

@testable import CodeStore

/// What every place for archives does.
struct ArchiveStoreTests {
    enum Backend: CaseIterable {
        case disk, bucket
    }

    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        for name in ["archives", "temporary"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory.path)/\(name)",
                withIntermediateDirectories: false
            )
        }
    }

    private func store(_ backend: Backend) async throws -> any ArchiveStore {
        switch backend {
        case .disk:
            DiskArchives(directory: "\(directory.path)/archives", temporary: "\(directory.path)/temporary")
        case .bucket:
            try await TestBucket().archives()
        }
    }

    private func isMissing(_ hash: CodeHash, in store: any ArchiveStore) async throws -> Bool {
        let error = await #expect(throws: CodeStoreError.self) { try await store.get(hash) }
        #expect(error?.code == .notFound)
        #expect(error?.description.contains("\(hash)") == true)
        return try await store.age(of: hash) == nil
    }

    /// Of one byte, of none, and of more than is asked for at a time.
    @Test(arguments: Backend.allCases, [1, 0, 1000, (8 << 20) + 1])
    func archiveIsGivenBackAsItWasPut(backend: Backend, size: Int) async throws {
        let store = try await store(backend)
        let content = try TestBucket.noise(size)
        let hash = CodeHash(of: content)
        try await store.put(content, as: hash)
        #expect(try await store.get(hash) == content)
        #expect(try await store.age(of: hash) != nil)
        #expect(try await Set(store.list().keys) == [hash])
    }

    @Test(arguments: Backend.allCases)
    func whatWasNeverPutIsNotFound(backend: Backend) async throws {
        let store = try await store(backend)
        let hash = CodeHash(of: try TestBucket.noise(1000))
        #expect(try await isMissing(hash, in: store))
        #expect(try await store.list().isEmpty)
        try await store.remove(hash)
    }

    @Test(arguments: Backend.allCases)
    func whatIsRemovedIsNotFound(backend: Backend) async throws {
        let store = try await store(backend)
        let (one, two) = (try TestBucket.noise(1000), try TestBucket.noise(1000))
        for content in [one, two] { try await store.put(content, as: CodeHash(of: content)) }
        try await store.remove(CodeHash(of: one))
        #expect(try await isMissing(CodeHash(of: one), in: store))
        #expect(try await store.get(CodeHash(of: two)) == two)
        #expect(try await Set(store.list().keys) == [CodeHash(of: two)])
        try await store.put(one, as: CodeHash(of: one))
        #expect(try await store.get(CodeHash(of: one)) == one)
    }

    @Test(arguments: Backend.allCases)
    func puttingTheSameAtOnceAndAgainIsPuttingItOnce(backend: Backend) async throws {
        let store = try await store(backend)
        let content = try TestBucket.noise(1000)
        let hash = CodeHash(of: content)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await store.put(content, as: hash) } }
            try await group.waitForAll()
        }
        try await store.put(content, as: hash)
        #expect(try await store.get(hash) == content)
        #expect(try await Set(store.list().keys) == [hash])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/temporary").isEmpty)
    }
}
