import Glibc

/// A reproducible source of randomness: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014), and the distributions that workloads are made of.
package struct SimulatedRandomness: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Always the same for a seed.
    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Above 0 and at most 1.
    mutating func unit() -> Double {
        Double((next() >> 11) + 1) * 0x1p-53
    }

    /// True this often.
    mutating func chance(_ probability: Double) -> Bool { unit() <= probability }

    /// Mean 0 and deviation 1 (Box and Muller).
    mutating func normal() -> Double {
        (-2 * log(unit())).squareRoot() * cos(2 * .pi * unit())
    }

    mutating func logNormal(mean: Double, deviation: Double) -> Double {
        exp(mean + deviation * normal())
    }

    mutating func exponential(mean: Double) -> Double { -mean * log(unit()) }

    /// Burr's twelfth, by the inverse of its distribution function.
    mutating func burr(c: Double, k: Double, scale: Double) -> Double {
        scale * pow(pow(unit(), -1 / k) - 1, 1 / c)
    }

    /// How many tries until the first success, when so many are needed on average.
    mutating func geometric(mean: Double) -> Int {
        max(1, Int((log(unit()) / log(1 - 1 / max(1.000001, mean))).rounded(.up)))
    }
}
