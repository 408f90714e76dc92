/// How an operator wants placement to decide.
package struct PlacementPolicy: Sendable, Hashable {
    /// The part of a worker's memory that is kept free of environments, 0 to 1: for the worker itself and its caches.
    package var memoryReserve = 0.05
    /// The part of a worker's CPU that is kept free of shares, 0 to 1.
    package var cpuReserve = 0.0
    /// How many times a worker's CPU is promised. Environments are frozen most of the time, so that their shares are
    /// rarely asked for at once; AWS runs up to 10 (Agache et al., "Firecracker", NSDI '20). Memory is promised once,
    /// since what was promised too often can only be got back by killing.
    package var cpuOvercommit = 4.0
    /// How many times what placement reckons with a function must use of the CPU to count as noisy. That is its share by
    /// ``cpuOvercommit``: hardly any function exceeds its share, which is a limit; but one that always uses it takes the CPU
    /// that was promised to others, too.
    package var noisyFrom = 1.25
    /// Below this it does not any more. Less than ``noisyFrom``, so that a function at the limit does not come and go.
    package var noisyUntil = 1.1
    /// How many packages of code are known of a worker at most; the earliest is forgotten first.
    package var cachedCodesMax = 256
    package var weights = Weights()
    package var bounds = SearchBounds()

    /// The defaults.
    package init() {}

    /// How the parts of a score weigh. A candidate's score is what speaks against it; the least wins.
    ///
    /// They are tiers rather than a fine balance: one environment too many in a zone is more than anything that can be
    /// said of a host, and one too many on a host is more than all that is below. Else a function with three
    /// environments would have them side by side as soon as a host is full enough.
    package struct Weights: Sendable, Hashable {
        /// A zone that has more of the function than the one with the least. A zone is what fails as a whole.
        package var zoneSpread = 32.0
        /// A host that has more of the function than its part, since it may fail. Half of it counts for the first
        /// environment too many, less for each that follows.
        package var hostSpread = 16.0
        /// A function that has much of its host: its load comes at once, and would find nothing to share with.
        package var crowding = 2.0
        /// Noisy functions together. They take CPU from whoever is beside them; two of them, from each other for long.
        package var noise = 2.0
        /// A host that is not full. Full ones leave others empty, which can be switched off or take a large function.
        package var packing = 2.0
        /// A host that has to fetch the code first. It makes one start slower; half a host's emptiness is more.
        package var codeMiss = 1.0
        /// A function of so many environments may have one more in a zone than elsewhere, of twice as many two, and so
        /// on.
        package var environmentsPerZoneSlack = 32
        /// A host's part of a function is one of so many, or what all hosts would have of it alike if that is more. So
        /// the loss of a host costs a large function 1.6%, and still it need not be on a thousand hosts.
        package var hostsPerFunction = 64
        /// The part of a host's promised CPU with which one function crowds it as much as counts.
        package var crowdedPart = 0.25

        /// The defaults.
        package init() {}
    }

    /// How far a search goes. Whatever they are, a worker is found if there is one.
    package struct SearchBounds: Sendable, Hashable {
        /// How many of the fullest hosts are looked at in each zone, though at least two of each kind.
        package var fullest = 16
        /// How many others are drawn in each zone, though at least one of each kind.
        package var drawn = 8
        /// How many hosts are looked at that have the code.
        package var holders = 8
        /// How many hosts are passed over in each zone because they have their part of the function, when all that were
        /// looked at had it, too. As many as ``Weights/hostsPerFunction`` are enough to find another if there is one.
        package var passedOver = 64
        /// How many hosts are looked at, of all zones, for a request that asks for labels.
        package var labelled = 192
        /// How many zones are looked into, those first that have the least of the function.
        package var zones = 8
        /// How many kinds of workers are looked at in each zone.
        package var kinds = 16

        /// The defaults.
        package init() {}

        var withoutNegatives: SearchBounds {
            var bounds = self
            let paths: [WritableKeyPath<SearchBounds, Int>] = [
                \.fullest, \.drawn, \.holders, \.passedOver, \.labelled, \.zones, \.kinds,
            ]
            for path in paths { bounds[keyPath: path] = max(0, bounds[keyPath: path]) }
            return bounds
        }
    }
}
