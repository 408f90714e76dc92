import MetadataStore
import TestSupport
import Testing

@testable import Fleet

struct ShareKeeperTests {
    private var keeper = ShareKeeper()
    private var now = 0

    /// What it decides, after long.
    private mutating func decide(
        running: Int,
        waiting: Int = 0,
        wantedByOthers: Int = 0,
        fairShare: Int = 100
    ) -> ShareKeeper.Decision? {
        now += 10_000_000_000
        return keeper.decide(
            ShareUse(running: running, waiting: waiting),
            .init(wantedByOthers: wantedByOthers, fairShare: fairShare),
            at: now
        )
    }

    private mutating func grant(_ granted: Int, of more: Int) {
        keeper.asked(more, ShareGrant(share: keeper.share + granted, granted: granted), at: now)
    }

    @Test mutating func beginnerAsksForAPortion() {
        #expect(decide(running: 0) == .ask(more: 16))
        grant(16, of: 16)
        #expect(keeper.share == 16)
        #expect(decide(running: 12) == nil)
    }

    @Test mutating func moreIsAskedForBeforeTheShareIsUsedUp() {
        keeper.shareIs(100)
        #expect(decide(running: 79) == nil)
        #expect(decide(running: 80) == .ask(more: 16))
        #expect(decide(running: 100) == .ask(more: 25))
        #expect(decide(running: 70, waiting: 1) == .ask(more: 16))
        #expect(decide(running: 100, waiting: 100) == .ask(more: 150))
    }

    @Test mutating func requestsFollowEachOtherSlowlyWhereNothingIsLeft() {
        _ = decide(running: 0)
        grant(4, of: 16)
        let use = ShareUse(running: 4)
        #expect(keeper.decide(use, .init(), at: now + 499_000_000) == nil)
        #expect(keeper.decide(use, .init(), at: now + 500_000_000) == .ask(more: 16))
        // But for when others have given something back.
        keeper.sharesChanged(.init(left: 0), at: now)
        #expect(keeper.decide(use, .init(), at: now + 20_000_000) == nil)
        keeper.sharesChanged(.init(left: 1), at: now)
        #expect(keeper.decide(use, .init(), at: now + 20_000_000) == .ask(more: 16))
    }

    @Test mutating func whatIsNotWantedAnyMoreIsSaid() {
        keeper.shareIs(10)
        #expect(decide(running: 10) == .ask(more: 16))
        grant(0, of: 16)
        #expect(decide(running: 2) == .ask(more: 0))
        grant(0, of: 0)
        #expect(decide(running: 2) == nil)
    }

    @Test mutating func unusedIsGivenBackWhenOthersWantIt() {
        keeper.shareIs(80)
        #expect(decide(running: 10) == nil)
        #expect(decide(running: 10, wantedByOthers: 1000) == .giveBack(keeping: 30))
        #expect(decide(running: 10, waiting: 5, wantedByOthers: 1000) == .giveBack(keeping: 35))
        #expect(decide(running: 10, wantedByOthers: 7) == .giveBack(keeping: 73))
        // A quarter stays in any case.
        #expect(decide(running: 60, wantedByOthers: 1000) == nil)
    }

    @Test mutating func smallAccountIsDividedByNeedToo() {
        keeper.shareIs(18)
        let around = ShareKeeper.Surroundings(wantedByOthers: 20, fairShare: 18)
        #expect(keeper.decide(ShareUse(running: 2), around, at: now) == .giveBack(keeping: 6))
        #expect(keeper.decide(ShareUse(running: 14), around, at: now) == nil)
    }

    @Test mutating func giftIsNotRepeatedBeforeOthersHaveTakenIt() {
        keeper.shareIs(80)
        #expect(decide(running: 10, wantedByOthers: 7) == .giveBack(keeping: 73))
        keeper.gaveBack(keeping: 73, at: now)
        let around = ShareKeeper.Surroundings(wantedByOthers: 7, fairShare: 100)
        #expect(keeper.decide(ShareUse(running: 10), around, at: now + 499_000_000) == nil)
        #expect(keeper.decide(ShareUse(running: 70), .init(), at: now) == .ask(more: 16))
        #expect(decide(running: 10, wantedByOthers: 7) == .giveBack(keeping: 66))
    }

    /// Or those who came late would starve.
    @Test mutating func whatIsAboveAFairShareGoesAsItComesFree() {
        keeper.shareIs(150)
        #expect(decide(running: 150, waiting: 40, wantedByOthers: 10) == nil)
        #expect(decide(running: 145, waiting: 40, wantedByOthers: 10) == .giveBack(keeping: 145))
        #expect(decide(running: 20, wantedByOthers: 1000) == .giveBack(keeping: 100))
        keeper.shareIs(90)
        #expect(decide(running: 90, wantedByOthers: 10) == .ask(more: 22))
    }

    @Test mutating func requestOfWhichNothingIsKnownIsMadeAgain() {
        keeper.shareIs(100)
        #expect(decide(running: 100) == .ask(more: 25))
        keeper.requestFailed(at: now)
        #expect(decide(running: 1, wantedByOthers: 50) == .ask(more: 0))
        keeper.asked(0, ShareGrant(share: 125, granted: 0), at: now)
        #expect(keeper.share == 125)
        #expect(decide(running: 1) == nil)
    }

    @Test func claimsOfFunctionsAreWantedFromAllManagers() {
        let (a, b) = (FleetMember.test(.manager, "a"), FleetMember.test(.manager, "b"))
        var view = FleetView(of: FleetTable.allCases)
        var update = FleetUpdate(versions: view.versions)
        update.members = [.manager: [a, b]]
        update.partitions = [Partition(number: 0, handedOver: 10)]
        update.shares = [
            FleetShare(manager: a.id, share: 50, wanted: 3), FleetShare(manager: b.id, share: 40, wanted: 4),
        ]
        update.claimedConcurrency = 20
        view.apply(update)
        let around = ShareKeeper.Surroundings(of: a.id, in: view, account: 100)
        #expect(around == .init(wantedByOthers: 24, fairShare: 40, left: 0))
        let more = ShareKeeper.Surroundings(of: a.id, in: view, account: 125)
        #expect(more == .init(wantedByOthers: 4, fairShare: 52, left: 5))
    }

    // MARK: Many together

    /// Managers with loads of their own that change: together they never have more than there is, none uses more than
    /// it has, and when the loads stay as they are everybody has what it needs, or a fair part.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func shareGoesWhereItIsNeeded(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let pool = Int.random(in: 10...400, using: &random)
        let count = Int.random(in: 1...5, using: &random)
        var keepers = (0..<count).map { _ in ShareKeeper() }
        var stored = (0..<count).map { _ in (share: 0, wanted: 0) }
        /// How many invokes each would run if it could, and does.
        var load = (0..<count).map { _ in Int.random(in: 0...pool, using: &random) }
        var running = Array(repeating: 0, count: count)
        var now = 0

        func serve(_ index: Int) {
            running[index] = min(load[index], max(running[index], keepers[index].share))
        }

        func tend(_ index: Int, isTroubled: Bool) {
            let wanted = stored.indices.filter { $0 != index }.reduce(0) { $0 + stored[$1].wanted }
            let use = ShareUse(running: running[index], waiting: max(0, load[index] - running[index]))
            let around = ShareKeeper.Surroundings(wantedByOthers: wanted, fairShare: pool / count)
            switch keepers[index].decide(use, around, at: now) {
            case nil: break
            case .giveBack(let kept):
                let kept = max(kept, running[index])
                #expect(kept <= stored[index].share, "seed \(seed)")
                keepers[index].gaveBack(keeping: kept, at: now)
                stored[index].share = min(stored[index].share, kept)
            case .ask(let more):
                let isLost = isTroubled && Int.random(in: 0..<10, using: &random) == 0
                if !isLost || Bool.random(using: &random) {
                    let granted = max(0, min(more, pool - stored.reduce(0) { $0 + $1.share }))
                    stored[index] = (stored[index].share + granted, more - granted)
                    guard !isLost else { return keepers[index].requestFailed(at: now) }
                    keepers[index].asked(more, ShareGrant(share: stored[index].share, granted: granted), at: now)
                } else {
                    keepers[index].requestFailed(at: now)
                }
            }
        }

        func check() {
            #expect(stored.reduce(0) { $0 + $1.share } <= pool, "seed \(seed)")
            for index in 0..<count {
                #expect(running[index] <= keepers[index].share, "seed \(seed)")
                #expect(keepers[index].share <= stored[index].share, "seed \(seed)")
            }
        }

        for _ in 0..<300 {
            now += Int.random(in: 0...600_000_000, using: &random)
            let index = Int.random(in: 0..<count, using: &random)
            if Int.random(in: 0..<8, using: &random) == 0 { load[index] = Int.random(in: 0...pool, using: &random) }
            serve(index)
            tend(index, isTroubled: true)
            check()
        }
        // Invokes come and go, so that what is to be given back comes free.
        for _ in 0..<400 {
            now += 1_000_000_000
            for index in 0..<count {
                running[index] -= Int.random(in: 0...running[index], using: &random)
                tend(index, isTroubled: false)
                serve(index)
                check()
            }
        }
        for index in 0..<count {
            let fair = pool / count
            #expect(keepers[index].share >= min(load[index], fair), "seed \(seed), manager \(index)")
        }
    }
}
