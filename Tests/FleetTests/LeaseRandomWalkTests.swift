import MetadataStore
import TestSupport
import Testing

@testable import Fleet

/// A holder, an observer and a store between them, with clocks that run at different rates, messages that take any time
/// or are lost, and pauses of each.
struct LeaseRandomWalkTests {
    private struct Walk {
        private static let lease = 10_000_000_000

        private var random: SeededGenerator
        /// True time, which nobody knows.
        private var now = 0
        private var holderPausedUntil = 0
        private var observerPausedUntil = 0
        private let holderRate: Double
        private let observerRate: Double

        private var holder: MemberLease
        private var watch = MemberWatch()
        private var member = FleetMember.test(.manager, "m")
        /// What the store has; nil if the member is none.
        private var stored: Int?
        /// What is on its way to the holder.
        private var answer: Answer?
        /// What has been read for the observer.
        private var sighting: Int??

        private enum Answer { case yes, evicted, lost }

        private(set) var evictions = 0
        private(set) var stops = 0

        init(seed: UInt64) {
            random = SeededGenerator(seed: seed)
            holderRate = Double.random(in: 0.97...1.03, using: &random)
            observerRate = Double.random(in: 0.97...1.03, using: &random)
            holder = MemberLease(duration: Self.lease, at: 0)
        }

        private var holderNow: Int { Int(Double(now) * holderRate) }
        private var observerNow: Int { Int(Double(now) * observerRate) + 12_345 }

        mutating func step(isTroubled: Bool) {
            now += Int.random(in: 0...600_000_000, using: &random)
            if isTroubled, Int.random(in: 0..<60, using: &random) == 0 {
                let pause = Int.random(in: 0...20_000_000_000, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: now += pause
                case 1: holderPausedUntil = now + pause
                default: observerPausedUntil = now + pause
                }
            }
            if now >= holderPausedUntil, Bool.random(using: &random) { stepHolder(isTroubled: isTroubled) }
            if now >= observerPausedUntil, Bool.random(using: &random) { stepObserver() }
        }

        private mutating func stepHolder(isTroubled: Bool) {
            stops += holder.endPassed(at: holderNow).count
            if let answer {
                guard !isTroubled || Bool.random(using: &random) else { return }
                self.answer = nil
                receive(answer)
            } else if let request = holder.requestDuePassed(at: holderNow) {
                let isLost = isTroubled && Int.random(in: 0..<3, using: &random) == 0
                // A request that is lost may have come to the store before.
                if request == .join { (member, stored) = (.test(.manager, "m"), nil) }
                if isLost, Bool.random(using: &random) {
                    answer = .lost
                } else {
                    if request == .join { stored = 0 } else if let count = stored { stored = count + 1 }
                    answer = isLost ? .lost : stored == nil ? .evicted : .yes
                }
            }
        }

        private mutating func receive(_ answer: Answer) {
            switch answer {
            case .lost: holder.requestFailed(at: holderNow)
            case .yes: _ = holder.isMember ? holder.renewed(at: holderNow) : holder.joined(at: holderNow)
            case .evicted: _ = holder.evicted(at: holderNow)
            }
        }

        private mutating func stepObserver() {
            guard let seen = sighting else {
                sighting = .some(stored)
                return
            }
            sighting = nil
            let counts = seen.map { [member.id.incarnation: $0] } ?? [:]
            for eviction in watch.looked(at: [member], counts, at: observerNow) where stored == eviction.renewals {
                stored = nil
                evictions += 1
            }
        }

        /// Nobody acts under a lease that another has ended.
        var isSafe: Bool { stored != nil || !holder.isInForce(at: holderNow) }
        var isInForce: Bool { holder.isInForce(at: holderNow) }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func nobodyIsEvictedWhileItActs(seed: UInt64) {
        var walk = Walk(seed: seed)
        for step in 0..<2000 {
            walk.step(isTroubled: true)
            #expect(walk.isSafe, "seed \(seed), step \(step)")
        }
        // In the end all are well, and stay so.
        for _ in 0..<200 { walk.step(isTroubled: false) }
        #expect(walk.isInForce, "seed \(seed)")
    }

    /// Otherwise the walks would show nothing.
    @Test func troublesEndLeasesAndMemberships() {
        let walks = (0..<20 as Range<UInt64>).map { seed in
            var walk = Walk(seed: seed)
            for _ in 0..<2000 { walk.step(isTroubled: true) }
            return walk
        }
        #expect(walks.reduce(0) { $0 + $1.evictions } > 20)
        #expect(walks.reduce(0) { $0 + $1.stops } > 20)
    }
}
