import LambdaAPI
import Logging

@testable import CodeStore

// What tests do that know that nothing is evicted: they look at content outside the scope that they were given it for.
extension CodeStore {
    nonisolated func unpackedDirectory(of hash: CodeHash) async throws(CodeStoreError) -> String {
        try await withContent(of: hash) { $0.directory }
    }

    nonisolated func optTree(of stack: LayerStack) async throws(CodeStoreError) -> OptTree {
        try await withLayers(stack) { $0 }
    }

    /// Finds what nobody refers to and removes it, as whoever looks for it now and then does.
    @discardableResult
    func removeUnreferenced(
        but referenced: Set<CodeHash>,
        at now: ContinuousClock.Instant
    ) async throws(CodeStoreError) -> Int {
        try await remove(try await unreferenced(but: referenced, at: now), but: referenced, at: now)
    }

    /// A store of a host whose packages are in a bucket.
    init(
        directory: String,
        bucket: TestBucket,
        cacheSizeMax: Int = 1 << 30,
        retention: Duration = CodeStore.retention
    ) async throws {
        try await self.init(
            directory: directory,
            archives: bucket.archives(),
            cacheSizeMax: cacheSizeMax,
            retention: retention,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }
}
