package import LambdaAPI
import Synchronization

/// How large the store may become.
package struct LogStoreSettings: Sendable {
    /// What all files may take together.
    package let sizeMax: ByteCount

    /// Settings; the store keeps to the size as long as ``LogStore/enforceRetention(now:removalsMax:)`` is called.
    package init(sizeMax: ByteCount) {
        self.sizeMax = sizeMax
    }

    /// When a stream begins a new segment, in bytes. The oldest segments go when there is too much, so they must be a
    /// small part of the whole.
    var segmentBytesMax: Int { min(max(sizeMax.bytes / 32, 1 << 20), 64 << 20) }
}

/// What the files of a store take on the disk, counted as it changes.
final class DiskUsage: Sendable {
    private let total = Atomic<Int>(0)

    /// In bytes.
    var bytes: Int { total.load(ordering: .relaxed) }

    func add(_ bytes: Int) {
        total.wrappingAdd(bytes, ordering: .relaxed)
    }
}
