import MetadataStore
import Testing

@testable import Fleet

struct MemberWatchTests {
    private static let second = 1_000_000_000
    private var watch = MemberWatch()
    private let member = FleetMember.test(.worker, "w")
    private var now = 0

    /// Looks after some seconds.
    private mutating func look(_ renewals: Int?, after seconds: Double = 1) -> [MemberWatch.Eviction] {
        now += Int(seconds * Double(Self.second))
        let counts = renewals.map { [member.id.incarnation: $0] } ?? [:]
        return watch.looked(at: [member], counts, at: now)
    }

    @Test mutating func memberThatIsSilentForAllOfItsLeaseIsEvicted() {
        for _ in 0..<10 { #expect(look(7) == []) }
        #expect(look(7) == [MemberWatch.Eviction(member: member.id, renewals: 7)])
    }

    @Test mutating func renewalBeginsTheLeaseAnew() {
        for _ in 0..<10 { #expect(look(7) == []) }
        for _ in 0..<10 { #expect(look(8) == []) }
        #expect(look(8).count == 1)
    }

    /// Other incarnations are other members.
    @Test mutating func newIncarnationIsNoOldAcquaintance() {
        for _ in 0..<10 { _ = look(0) }
        now += Self.second
        let other = FleetMember.test(.worker, "w")
        #expect(watch.looked(at: [other], [other.id.incarnation: 0], at: now) == [])
    }

    /// The store, or this process, stood still: nobody could renew, or nobody could see it.
    @Test mutating func pauseCountsAsAPartOfTheLease() {
        _ = look(7)
        for _ in 0..<3 { #expect(look(7, after: 3600) == []) }
        #expect(look(8, after: 3600) == [])
        for _ in 0..<3 { #expect(look(8, after: 3600) == []) }
        #expect(look(8, after: 3600).count == 1)
    }

    @Test mutating func memberOfWhichNothingIsReadIsNotEvicted() {
        for _ in 0..<10 { _ = look(7) }
        #expect(look(nil) == [])
        #expect(look(7) == [])
    }

    @Test mutating func memberIsSettledWhenItHasRenewedTwiceAndStillDoes() {
        #expect(!watch.isSettled(member.id))
        _ = look(1)
        #expect(!watch.isSettled(member.id))
        _ = look(2)
        #expect(watch.isSettled(member.id))
        for _ in 0..<4 { _ = look(2) }
        #expect(watch.isSettled(member.id))
        _ = look(2)
        #expect(!watch.isSettled(member.id))
    }
}
