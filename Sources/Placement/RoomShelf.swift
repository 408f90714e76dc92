/// Which of a zone's shelves workers stand on.
///
/// Empty ones stand apart: a worker with little on it has hardly less room, and would not be told from them.
enum ShelfRow: UInt8, Sendable {
    case used, empty
}

/// Workers by how much room they have, in classes that grow with it: of the next class above a request's each fits.
struct RoomShelf: Sendable {
    /// Classes in which room is told apart: eight for each doubling, so that one is at most an eighth wide.
    static let classCount = 176
    private static let wordCount = (classCount + 63) / 64

    private var buckets: [[Int32]] = []
    /// Which buckets have workers, a bit for each.
    private var taken: (UInt64, UInt64, UInt64) = (0, 0, 0)
    private(set) var count = 0

    /// The class of this much room, in MB. Never less for more.
    static func roomClass(_ roomMB: Int) -> Int {
        let room = min(max(0, roomMB), FunctionVersion.memoryMBMax)
        guard room >= 16 else { return room }
        let exponent = Int.bitWidth - 1 - room.leadingZeroBitCount
        return 16 + (exponent - 4) * 8 + (room >> (exponent - 3)) & 7
    }

    /// The workers of a class.
    @inline(__always)
    func bucket(_ roomClass: Int) -> [Int32] { buckets[roomClass] }

    /// The lowest class, from this one on, that has workers.
    @inline(__always)
    func firstTaken(from roomClass: Int) -> Int? {
        guard roomClass < Self.classCount else { return nil }
        var word = roomClass >> 6
        var bits = self.word(word) & (~0 << UInt64(roomClass & 63))
        while bits == 0 {
            word += 1
            guard word < Self.wordCount else { return nil }
            bits = self.word(word)
        }
        return word << 6 + bits.trailingZeroBitCount
    }

    /// Adds a worker, and returns its position in its bucket.
    mutating func add(_ worker: Int32, _ roomClass: Int) -> Int32 {
        if buckets.isEmpty { buckets = Array(repeating: [], count: Self.classCount) }
        buckets[roomClass].append(worker)
        mark(roomClass, true)
        count += 1
        return Int32(buckets[roomClass].count - 1)
    }

    /// Takes out the worker at this position. Returns the one that is there now, if any.
    mutating func remove(at position: Int32, _ roomClass: Int) -> Int32? {
        count -= 1
        let last = buckets[roomClass].removeLast()
        if buckets[roomClass].isEmpty { mark(roomClass, false) }
        guard Int(position) < buckets[roomClass].count else { return nil }
        buckets[roomClass][Int(position)] = last
        return last
    }

    @inline(__always)
    private func word(_ index: Int) -> UInt64 {
        switch index {
        case 0: taken.0
        case 1: taken.1
        default: taken.2
        }
    }

    private mutating func mark(_ roomClass: Int, _ isTaken: Bool) {
        let bit = UInt64(1) << UInt64(roomClass & 63)
        switch roomClass >> 6 {
        case 0: taken.0 = isTaken ? taken.0 | bit : taken.0 & ~bit
        case 1: taken.1 = isTaken ? taken.1 | bit : taken.1 & ~bit
        default: taken.2 = isTaken ? taken.2 | bit : taken.2 & ~bit
        }
    }
}
