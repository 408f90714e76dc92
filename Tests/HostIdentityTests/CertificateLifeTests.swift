import Foundation
import TestSupport
import Testing

@testable import HostIdentity

@Suite("Certificate's life")
struct CertificateLifeTests {
    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    private func after(_ seconds: Double) -> Date { start.addingTimeInterval(seconds) }

    private func life(renews: Bool = true, seconds: Int = 2400) -> CertificateLife {
        CertificateLife(CertificateValidity(from: start, for: .seconds(seconds)), renews: renews)
    }

    @Test func renewalIsDueAtTwoThirds() {
        var life = life()
        #expect(life.timePassed(to: after(1599)) == [])
        #expect(life.timePassed(to: after(1600)) == [.renew])
        #expect(life.timePassed(to: after(1700)) == [])
    }

    @Test func failedRenewalIsTriedAgainAndAgainMoreSlowly() {
        var life = life()
        #expect(life.timePassed(to: after(1600)) == [.renew])
        life.renewalFailed(at: after(1600))
        #expect(life.timePassed(to: after(1623)) == [])
        #expect(life.timePassed(to: after(1624)) == [.renew])
        life.renewalFailed(at: after(1624))
        #expect(life.timePassed(to: after(1671)) == [])
        #expect(life.timePassed(to: after(1672)) == [.renew])
    }

    @Test func endIsAnnouncedLongBefore() {
        var life = life(renews: false)
        #expect(life.timePassed(to: after(1799)) == [])
        #expect(life.timePassed(to: after(1800)) == [.warn])
        #expect(life.timePassed(to: after(1899)) == [])
        #expect(life.timePassed(to: after(1900)) == [.warn])
        #expect(life.timePassed(to: after(2390)) == [.warn])
        #expect(life.timePassed(to: after(2401)) == [.reportEnd])
        #expect(life.timePassed(to: after(2402)) == [])
        #expect(life.timePassed(to: after(2501)) == [.reportEnd])
    }

    @Test func endedCertificateIsNotRenewed() {
        var life = life()
        #expect(life.timePassed(to: after(5000)) == [.reportEnd])
    }

    @Test func lateFailureAfterANewCertificateDoesNothing() {
        var life = life()
        #expect(life.timePassed(to: after(1600)) == [.renew])
        life.renewed(CertificateValidity(from: after(1600), for: .seconds(2400)))
        life.renewalFailed(at: after(1601))
        #expect(life.timePassed(to: after(3199)) == [])
        #expect(life.timePassed(to: after(3200)) == [.renew])
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func anythingMayHappenInAnyOrder(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let renews = Bool.random(using: &generator)
        var life = life(renews: renews, seconds: .random(in: 1...100_000, using: &generator))
        var now = start
        var isUnderWay = false
        var lastReport: Date?
        for _ in 0..<500 {
            let length = life.validity.expires.timeIntervalSince(life.validity.issued)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0:
                life.renewed(CertificateValidity(from: now, for: .seconds(.random(in: 1...100_000, using: &generator))))
                isUnderWay = false
                lastReport = nil
            case 1, 2:
                life.renewalFailed(at: now)
                isUnderWay = false
            default:
                // Clocks are set back, too.
                now.addTimeInterval(.random(in: -0.01...0.2, using: &generator) * length)
                for action in life.timePassed(to: now) {
                    switch action {
                    case .renew:
                        #expect(renews && !isUnderWay)
                        #expect(
                            now >= life.validity.issued.addingTimeInterval(length * 0.66) && now < life.validity.expires
                        )
                        isUnderWay = true
                    case .warn:
                        #expect(
                            now >= life.validity.expires.addingTimeInterval(-length * 0.26)
                                && now <= life.validity.expires
                        )
                        lastReport = now
                    case .reportEnd:
                        #expect(now > life.validity.expires)
                        lastReport = now
                    }
                }
                // Nobody is left without a word for long once the certificate has ended.
                if now > life.validity.expires {
                    #expect(lastReport.map { now.timeIntervalSince($0) <= max(length / 24, 1) + 0.001 } ?? false)
                }
            }
        }
    }
}

@Suite("Renewal quota")
struct RenewalQuotaTests {
    @Test func hostThatAsksTooOftenWaitsAndOthersDoNot() throws {
        let start = Date(timeIntervalSince1970: 1_800_000_000)
        var quota = RenewalQuota(life: .seconds(100))
        let greedy = try HostIdentity("worker/greedy")
        var taken = (0..<RenewalQuota.renewalsMax).map { _ in quota.take(greedy, at: start) }
        #expect(taken.allSatisfy { $0 })
        taken = [quota.take(greedy, at: start.addingTimeInterval(99))]
        taken.append(quota.take(try HostIdentity("worker/modest"), at: start))
        taken.append(quota.take(greedy, at: start.addingTimeInterval(100)))
        #expect(taken == [false, true, true])
    }
}
