package import MetadataStore

/// How much of the account's unreserved concurrency a manager should have, as a state machine. Moments are nanoseconds.
///
/// A manager has somewhat more than it uses, so that most invokes need nobody's leave. When others want more than there
/// is, it gives back what it does not use; and when it has more than a fair part, also what comes free, so that nobody
/// starves.
package struct ShareKeeper: Sendable {
    package enum Decision: Sendable, Equatable {
        /// Ask for so much more; with 0, say that nothing is wanted any more.
        case ask(more: Int)
        /// Give back all but this.
        case giveBack(keeping: Int)
    }

    /// What there is around a manager.
    package struct Surroundings: Sendable, Equatable {
        /// How much others want that there was not, or must go since functions have claimed more of the account's
        /// concurrency.
        package var wantedByOthers: Int
        /// The manager's part if all had the same.
        package var fairShare: Int
        /// What nobody has.
        package var left: Int

        package init(wantedByOthers: Int = 0, fairShare: Int = .max, left: Int = 0) {
            self.wantedByOthers = wantedByOthers
            self.fairShare = fairShare
            self.left = left
        }

        /// - Parameter account: The concurrency of the account.
        package init(of own: FleetMemberID, in view: FleetView, account: Int) {
            let pool = max(0, account - view.claimedConcurrency)
            let others = view.shares.filter { $0.manager != own }.reduce(0) { $0 + $1.wanted }
            let total = view.sharesTotal
            wantedByOthers = others + max(0, total - pool)
            left = max(0, pool - total)
            let count = max(1, view.members(.manager).count)
            fairShare = max(1, pool / count)
        }
    }

    /// The least that is asked for, and that is kept unused.
    package static let portion = 16
    /// The part of what is needed, or of the share, that is kept beside it.
    private static let sparePart = 4
    /// From this part of the share in use on, more is asked for: four fifths.
    private static let fullPart = (4, 5)
    /// How long it is from one request to the next, in nanoseconds.
    private static let pause = 20_000_000
    /// How long it is if nothing was left, and from one gift to the next.
    private static let pauseUnsatisfied = 500_000_000

    /// All that the manager has.
    package private(set) var share = 0
    /// Whether the store's answer to the last request is known; otherwise it is asked for again.
    private var isKnown = true
    /// How much was wanted and not granted, as the store has it in mind.
    private var missing = 0
    private var nextRequest = Int.min
    private var nextGift = Int.min

    package init() {}

    /// Decides what is to be done, at most one thing at a time; nil for nothing. What is decided is to be done, and
    /// then told.
    package func decide(_ use: ShareUse, _ surroundings: Surroundings, at now: Int) -> Decision? {
        guard now >= nextRequest else { return nil }
        let needed = use.running + use.waiting
        let isFull = use.waiting > 0 || use.running * Self.fullPart.1 >= share * Self.fullPart.0
        guard isKnown else { return .ask(more: isFull ? more(needed) : 0) }
        if surroundings.wantedByOthers > 0, now >= nextGift {
            let kept = max(kept(use, fairShare: surroundings.fairShare), share - surroundings.wantedByOthers)
            if kept < share { return .giveBack(keeping: kept) }
        }
        let mayGrow = surroundings.wantedByOthers == 0 || share < surroundings.fairShare
        if isFull, mayGrow { return .ask(more: more(needed)) }
        return missing > 0 ? .ask(more: 0) : nil
    }

    /// When ``decide(_:_:at:)`` may come to something.
    package var nextDecision: Int { nextRequest }

    private func more(_ needed: Int) -> Int {
        max(Self.portion, needed + needed / Self.sparePart - share)
    }

    /// What stays although others want more.
    private func kept(_ use: ShareUse, fairShare: Int) -> Int {
        if share > fairShare { return max(use.running, fairShare) }
        let needed = use.running + use.waiting
        // In a small account a whole portion would be more than anybody's part.
        let portion = min(Self.portion, max(1, fairShare / Self.sparePart))
        let spare = max(portion, share / Self.sparePart)
        return share - needed > spare ? needed + spare : share
    }

    /// The store has answered a request for more.
    package mutating func asked(_ more: Int, _ grant: ShareGrant, at now: Int) {
        share = grant.share
        isKnown = true
        missing = max(0, more) - grant.granted
        nextRequest = now + (missing > 0 ? Self.pauseUnsatisfied : Self.pause)
    }

    /// Nothing is known of what has become of a request, or of a claim.
    package mutating func requestFailed(at now: Int) {
        isKnown = false
        nextRequest = now + Self.pauseUnsatisfied
    }

    /// The share is this from now on, by what the store has answered to anything else or the manager gives up.
    package mutating func shareIs(_ share: Int) {
        self.share = share
    }

    /// Some of the share is given back, so that it is this from now on. Until others have taken it, it is known that they
    /// want it.
    package mutating func gaveBack(keeping kept: Int, at now: Int) {
        share = kept
        nextGift = now + Self.pauseUnsatisfied
    }

    /// The store's shares have changed.
    package mutating func sharesChanged(_ surroundings: Surroundings, at now: Int) {
        if surroundings.left > 0 { nextRequest = min(nextRequest, now + Self.pause) }
    }
}
