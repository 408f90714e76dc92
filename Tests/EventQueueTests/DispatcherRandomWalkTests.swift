import TestSupport
import Testing

/// Random walks of the dispatcher beside a model of the store. What is checked after each step stands in
/// ``DispatcherWalk``.
struct DispatcherRandomWalkTests {
    /// Whatever comes in whichever order, in the end every event that waited has run.
    @Test(arguments: 0..<250 as Range<UInt64>)
    func everyEventRunsOnceAndNoneIsForgotten(seed: UInt64) {
        var walk = DispatcherWalk(seed: seed)
        for _ in 0..<150 { walk.step() }
        walk.finish()
    }

    /// What is left when it ends is run by whoever starts next.
    @Test(arguments: 1000..<1100 as Range<UInt64>)
    func stoppedDispatcherLeavesTheRestToTheNext(seed: UInt64) {
        var walk = DispatcherWalk(seed: seed)
        for _ in 0..<100 { walk.step() }
        walk.stop()
        for _ in 0..<30 { walk.step() }
        walk.finish()
        walk.restart()
        for _ in 0..<30 { walk.step() }
        walk.finish()
    }

    /// What is underway of a shard that is given back is finished first, and nothing else begun.
    @Test(arguments: 3000..<3100 as Range<UInt64>)
    func shardThatIsGivenBackIsFinishedFirst(seed: UInt64) {
        var walk = DispatcherWalk(seed: seed)
        for _ in 0..<80 { walk.step() }
        walk.leave(shard: 0)
        for _ in 0..<60 { walk.step() }
        walk.giveBack(shard: 0)
        for _ in 0..<30 { walk.step() }
        walk.finish()
    }

    /// Others may have the events of a shard that is lost: none of them is begun any more.
    @Test(arguments: 2000..<2100 as Range<UInt64>)
    func eventsOfALostShardAreLeftAlone(seed: UInt64) {
        var walk = DispatcherWalk(seed: seed)
        for _ in 0..<80 { walk.step() }
        walk.lose(shard: 1)
        for _ in 0..<60 { walk.step() }
        walk.finish()
    }
}
