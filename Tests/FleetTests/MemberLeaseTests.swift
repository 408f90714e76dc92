import Testing

@testable import Fleet

struct MemberLeaseTests {
    /// A lease of 100, which is renewed every 20, ends 90 after its renewal was sent, and is tried again after 5.
    private var lease = MemberLease(duration: 100, at: 0)

    /// Sends what is due and has it answered.
    private mutating func renew(at sent: Int, answeredAt answered: Int) -> [MemberLease.Action] {
        #expect(lease.requestDuePassed(at: sent) != nil)
        return lease.isMember ? lease.renewed(at: answered) : lease.joined(at: answered)
    }

    @Test mutating func leaseIsInForceOnlyAfterJoining() {
        #expect(!lease.isInForce(at: 0) && lease.end == nil)
        #expect(lease.requestDuePassed(at: 0) == .join)
        #expect(!lease.isInForce(at: 5))
        #expect(lease.joined(at: 10) == [.beginActing])
        #expect(lease.isInForce(at: 10) && lease.requestDue == 20 && lease.end == 90)
    }

    @Test mutating func leaseCountsFromWhenTheRenewalWasSent() {
        #expect(renew(at: 0, answeredAt: 10) == [.beginActing])
        #expect(renew(at: 20, answeredAt: 60) == [])
        #expect(lease.isInForce(at: 109) && !lease.isInForce(at: 110))
    }

    @Test mutating func oneRequestAtATimeIsUnderway() {
        #expect(lease.requestDuePassed(at: 0) == .join)
        #expect(lease.requestDuePassed(at: 500) == nil)
        lease.requestFailed(at: 500)
        #expect(lease.requestDuePassed(at: 504) == nil)
        #expect(lease.requestDuePassed(at: 505) == .join)
    }

    @Test mutating func leaseThatIsNotRenewedStops() {
        _ = renew(at: 0, answeredAt: 0)
        #expect(lease.requestDuePassed(at: 20) == .renew)
        #expect(lease.endPassed(at: 89) == [])
        #expect(lease.endPassed(at: 90) == [.stopActing])
        #expect(lease.endPassed(at: 95) == [])
        #expect(!lease.isInForce(at: 95) && lease.isMember)
    }

    @Test mutating func renewalThatComesLateResumes() {
        _ = renew(at: 0, answeredAt: 0)
        _ = lease.endPassed(at: 90)
        #expect(renew(at: 100, answeredAt: 110) == [.resumeActing])
        #expect(lease.isInForce(at: 189))
    }

    @Test mutating func answerThatTakesLongerThanTheLeaseIsNone() {
        #expect(renew(at: 0, answeredAt: 95) == [])
        #expect(!lease.isInForce(at: 95) && lease.isMember)
        // It has never begun.
        #expect(renew(at: 95, answeredAt: 96) == [.beginActing])
        #expect(renew(at: 115, answeredAt: 300) == [.stopActing])
    }

    @Test mutating func evictedMemberStopsForgetsAndJoinsAgainAtOnce() {
        _ = renew(at: 0, answeredAt: 0)
        #expect(lease.requestDuePassed(at: 20) == .renew)
        #expect(lease.evicted(at: 25) == [.stopActing, .forget])
        #expect(!lease.isInForce(at: 25))
        #expect(lease.evicted(at: 25) == [])
        #expect(lease.requestDuePassed(at: 25) == .join)
    }

    @Test mutating func memberThatHasStoppedOnlyForgets() {
        _ = renew(at: 0, answeredAt: 0)
        _ = lease.endPassed(at: 90)
        _ = lease.requestDuePassed(at: 90)
        #expect(lease.evicted(at: 91) == [.forget])
    }

    @Test mutating func answersThatNobodyWaitsForChangeNothing() {
        #expect(lease.joined(at: 0) == [] && lease.renewed(at: 0) == [] && lease.endPassed(at: 0) == [])
        _ = renew(at: 0, answeredAt: 0)
        #expect(lease.joined(at: 50) == [] && lease.renewed(at: 50) == [])
        #expect(lease.end == 90)
    }

    @Test mutating func newsAreReadSoonAndFailuresDoNotCrowd() {
        _ = renew(at: 0, answeredAt: 0)
        lease.hasten(to: 5)
        lease.hasten(to: 8)
        #expect(lease.requestDuePassed(at: 4) == nil)
        #expect(lease.requestDuePassed(at: 5) == .renew)
        // What changes while an answer is underway may not be in it.
        lease.hasten(to: 7)
        _ = lease.renewed(at: 6)
        #expect(lease.requestDue == 7)
        #expect(lease.requestDuePassed(at: 7) == .renew)
        lease.hasten(to: 9)
        lease.requestFailed(at: 9)
        #expect(lease.requestDue == 14)
    }
}
