import MetadataStore

/// Which shards a lane's events go to. Each lane has two of all shards, drawn by its name, so that few lanes share both
/// with any other; of its two, the shorter one takes an event. Source: the design, "The fleet" ("shuffle sharding").
struct ShardMap: Sendable {
    /// How many shards there are; at least two. All that use a store must have the same.
    let count: Int

    /// The two shards of a lane. The same in every process and release, since that is where its events are.
    func shards(of lane: EventLane) -> (Int, Int) {
        let hash = Self.hash(lane.text)
        let first = Int(hash % UInt64(count))
        let distance = 1 + Int((hash >> 32) % UInt64(count - 1))
        return (first, (first + distance) % count)
    }

    /// FNV-1a with a last mix, since its high bits are poor for short texts (Fowler, Noll and Vo; the mix is that of
    /// SplitMix64).
    private static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }
}
