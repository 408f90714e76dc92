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

    @Test(arguments: 0..<50 as Range<UInt64>)
    func nobodyIsLostWithinTheFenceOfAnything(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var life = WorkerLife(fence: 100, at: 0)
        var (now, last, isConnected) = (0, 0, false)
        for _ in 0..<500 {
            now += Int.random(in: 0...40, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: (isConnected, _) = (true, life.connected())
            case 1: (isConnected, _) = (false, life.disconnected())
            case 2 where isConnected: (last, _) = (now, life.answering(at: now))
            case 3: (last, _) = (now, life.inherited(at: now))
            default:
                let wasLost = life.isLost
                let isLost = life.timePassed(to: now)
                #expect(isLost == (!isConnected && !wasLost && now >= last + 100), "seed \(seed)")
            }
            #expect(life.isPresent == isConnected, "seed \(seed)")
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
