import Glibc
import Synchronization

/// The system's randomness, asked for in portions: an invoke needs seven numbers, and each question is a system call.
package struct PooledRandomNumberGenerator: RandomNumberGenerator, Sendable {
    private struct Pool {
        private var numbers: [UInt64] = []

        mutating func next() -> UInt64 {
            if numbers.isEmpty { refill() }
            return numbers.removeLast()
        }

        private mutating func refill() {
            // As much as the system gives at a time. Source: getentropy(3).
            numbers = Array(repeating: 0, count: 256 / MemoryLayout<UInt64>.size)
            let result = numbers.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
            precondition(result == 0, "the system gives no randomness")
        }
    }

    private static let pool = Mutex(Pool())

    package init() {}

    package func next() -> UInt64 {
        Self.pool.withLock { $0.next() }
    }
}
