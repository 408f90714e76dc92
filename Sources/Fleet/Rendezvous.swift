package import LambdaAPI
package import MetadataStore

/// Which manager a partition should be with: of all names the one that weighs most for it, so that when one comes or
/// goes only its own partitions move (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998).
package enum Rendezvous {
    /// The name that a partition belongs to; nil if there are none. The same in every process and release.
    package static func owner(of partition: Int, among names: some Sequence<String>) -> String? {
        names.max { first, second in
            let weights = (weight(of: first, for: partition), weight(of: second, for: partition))
            return weights.0 == weights.1 ? first < second : weights.0 < weights.1
        }
    }

    private static func weight(of name: String, for partition: Int) -> UInt64 {
        StableHash.mix(StableHash.hash(name) ^ StableHash.mix(UInt64(partition)))
    }
}

extension Partition {
    /// The partition that a function belongs to, by its name. The same in every process and release.
    package static func of(_ function: FunctionName) -> Int { of(function.rawValue) }

    static func of(_ name: String) -> Int { Int(StableHash.hash(name) % UInt64(count)) }
}

/// A hash that is the same wherever it is computed, unlike Swift's own: FNV-1a (Fowler, Noll and Vo), which is poor in
/// its high bits for short texts, with the last mix of SplitMix64 behind it (Steele, Lea and Flood, 2014).
enum StableHash {
    static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return mix(hash)
    }

    /// Spreads a number's bits over all of them.
    static func mix(_ number: UInt64) -> UInt64 {
        var mixed = number &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
