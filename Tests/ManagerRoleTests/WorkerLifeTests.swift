import TestSupport
import Testing

@testable import ManagerRole

struct WorkerLifeTests {
    @Test func silentWorkerIsLostAfterTheFence() {
        var life = WorkerLife(fence: 10, at: 0)
        life.connected()
        life.answering(at: 3)
        #expect(life.isPresent && !life.timePassed(to: 100))
        life.disconnected()
        #expect(!life.isPresent && !life.isLost)
        life.answering(at: 7)
        #expect(life.timePassed(to: 16) == false)
        #expect(life.timePassed(to: 17) == true)
        #expect(life.isLost)
        #expect(life.timePassed(to: 18) == false)
    }

    @Test func workerThatWasNeverReachedMayRunWhatOthersGaveIt() {
        var life = WorkerLife(fence: 10, at: 5)
        #expect(life.timePassed(to: 14) == false)
        #expect(life.timePassed(to: 15) == true)
    }

    @Test func workerThatComesBackIsPresent() {
        var life = WorkerLife(fence: 10, at: 0)
        _ = life.timePassed(to: 10)
        life.connected()
        #expect(life.isPresent && !life.isLost)
        // The end of a connection that is noticed twice is one.
        life.disconnected()
        life.disconnected()
        #expect(life.timePassed(to: 10) == true)
    }

    @Test func inheritedPartitionsAreWaitedForAnew() {
        var life = WorkerLife(fence: 10, at: 0)
        _ = life.timePassed(to: 10)
        life.inherited(at: 20)
        #expect(!life.isLost && !life.timePassed(to: 29))
        #expect(life.timePassed(to: 30) == true)
        // Late news never shortens it.
        life.inherited(at: 40)
        life.answering(at: 35)
        #expect(!life.timePassed(to: 49) && life.timePassed(to: 50))
    }

    /// It is answered no more, though it is heard of.
    @Test func evictedWorkerIsLostAfterTheFenceThoughItIsConnected() {
        var life = WorkerLife(fence: 10, at: 0)
        life.connected()
        life.answering(at: 3)
        #expect(life.listed(as: .evicted) == false)
        #expect(!life.isPresent && life.isConnected)
        #expect(!life.timePassed(to: 12) && life.timePassed(to: 13) && !life.timePassed(to: 14))
        // What others have given it until now is waited for as well.
        life.inherited(at: 20)
        #expect(!life.timePassed(to: 29) && life.timePassed(to: 30))
        #expect(life.isConnected)
    }

    @Test func workerThatIsAMemberAgainIsAskedForWhatItHas() {
        var life = WorkerLife(fence: 10, listed: .evicted, at: 0)
        life.connected()
        #expect(!life.isPresent)
        #expect(!life.listed(as: .evicted) && life.listed(as: .member) && !life.listed(as: .member))
        #expect(life.isPresent)
        _ = life.listed(as: .none)
        #expect(!life.isPresent && life.listed(as: .member))
    }

    /// It has left when nothing ran, or was evicted for long enough.
    @Test func workerThatIsNotListedIsNotWaitedForWhenItIsGone() {
        var life = WorkerLife(fence: 10, at: 0)
        life.connected()
        life.answering(at: 3)
        #expect(life.wantsConnection)
        _ = life.listed(as: .none)
        #expect(!life.wantsConnection)
        #expect(life.timePassed(to: 4) == false)
        life.disconnected()
        #expect(life.timePassed(to: 5) == true)
        life.inherited(at: 6)
        #expect(life.timePassed(to: 7) == true)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func nobodyIsLostWithinTheFenceOfAnything(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var life = WorkerLife(fence: 100, at: 0)
        var (now, last, isConnected, listing) = (0, 0, false, WorkerLife.Listing.member)
        for _ in 0..<500 {
            now += Int.random(in: 0...40, using: &random)
            switch Int.random(in: 0..<9, using: &random) {
            case 0: (isConnected, _) = (true, life.connected())
            case 1: (isConnected, _) = (false, life.disconnected())
            case 2 where isConnected && listing == .member: (last, _) = (now, life.answering(at: now))
            case 3: (last, _) = (now, life.inherited(at: now))
            case 4:
                let next: WorkerLife.Listing = [.member, .evicted, .none].randomElement(using: &random) ?? .member
                #expect(life.listed(as: next) == (next == .member && listing != .member), "seed \(seed)")
                listing = next
            default:
                let wasLost = life.isLost
                let isLost = life.timePassed(to: now)
                let isPresent = isConnected && listing == .member
                let isOver = now >= last + 100 || listing == .none && !isConnected
                #expect(isLost == (!isPresent && !wasLost && isOver), "seed \(seed)")
            }
            #expect(life.isPresent == (isConnected && listing == .member), "seed \(seed)")
        }
    }

    @Test func workerThatGoesOnForLongerIsWaitedForLonger() {
        var life = WorkerLife(fence: 110, at: 0)
        let news = [life.told(leash: 100, at: 0), life.told(leash: 200, at: 50), life.told(leash: 100, at: 60)]
        #expect(news == [false, true, false])
        life.connected()
        life.disconnected()
        let isOver = life.timePassed(to: 269)
        #expect(!isOver)
        let isOverLater = life.timePassed(to: 270)
        #expect(isOverLater)
    }
}
