/// Finds records, which are kept elsewhere, by hash: a table of their numbers, with linear probing.
///
/// A dictionary keeps its keys a second time, which for a million functions is more than the functions themselves.
struct SlotTable: Sendable {
    private static let empty: Int32 = -1

    private var slots: [Int32]
    private(set) var count = 0

    init() {
        slots = Array(repeating: Self.empty, count: 16)
    }

    private var mask: Int { slots.count - 1 }

    /// The record of this hash that is the one looked for.
    @inline(__always)
    func find(_ hash: UInt64, where isWanted: (Int32) -> Bool) -> Int32? {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let record = slots[slot]
            guard record != Self.empty else { return nil }
            if isWanted(record) { return record }
            slot = (slot + 1) & mask
        }
    }

    /// Adds a record that is not in the table.
    mutating func insert(_ record: Int32, _ hash: UInt64, hashOf: (Int32) -> UInt64) {
        // Beyond that, probing grows long.
        if (count + 1) * 3 > slots.count * 2 { grow(hashOf) }
        put(record, hash)
        count += 1
    }

    /// Removes a record that is in the table. Those behind it move up, so that no mark has to stay in its place.
    mutating func remove(_ record: Int32, _ hash: UInt64, hashOf: (Int32) -> UInt64) {
        var hole = Int(truncatingIfNeeded: hash) & mask
        while slots[hole] != record { hole = (hole + 1) & mask }
        var slot = hole
        while true {
            slot = (slot + 1) & mask
            let other = slots[slot]
            guard other != Self.empty else { break }
            let home = Int(truncatingIfNeeded: hashOf(other)) & mask
            // It may move into the hole unless its home lies behind it.
            guard (slot - home) & mask >= (slot - hole) & mask else { continue }
            slots[hole] = other
            hole = slot
        }
        slots[hole] = Self.empty
        count -= 1
    }

    private mutating func grow(_ hashOf: (Int32) -> UInt64) {
        let old = slots
        slots = Array(repeating: Self.empty, count: old.count * 2)
        for record in old where record != Self.empty { put(record, hashOf(record)) }
    }

    private mutating func put(_ record: Int32, _ hash: UInt64) {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != Self.empty { slot = (slot + 1) & mask }
        slots[slot] = record
    }
}

/// Mixes bits so that each depends on all (the finisher of SplitMix64: Steele, Lea and Flood, "Fast Splittable
/// Pseudorandom Number Generators", 2014).
func mixed(_ bits: UInt64) -> UInt64 {
    var bits = bits
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
}

extension ShortDigest {
    /// Where it goes in a table.
    var tableHash: UInt64 { mixed(high ^ mixed(low)) }
}

/// The numbers that a search draws: the same for the same seed.
struct Draw {
    private var state: UInt64

    init(seed: UInt64) {
        state = mixed(seed)
    }

    /// A number below this, which is positive. Slightly uneven, which does not matter here.
    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Int(mixed(state).multipliedFullWidth(by: UInt64(bound)).high)
    }
}
