/// The environments of a worker in a fleet, as a state machine: which manager decides for which of them, and who may give one of
/// them an invoke.
///
/// Functions are divided into partitions, each of which one manager at a time decides for. A manager shows by an epoch that it is
/// the latest; what an earlier one has handed out is void from then on. An idle environment has a token, which the manager hands
/// out with it and which is good for one invoke. So whether two managers believe to have the same environment does not matter:
/// only one token is good.
///
/// A worker that its managers do not hear of may be counted as lost, and what runs here as over. So each partition is *proven* by
/// its manager for a while from a heartbeat of the worker on that the manager has answered, counted from when it was sent. When that
/// time is over, nothing of the partition is begun, and what runs is to be ended, until its manager proves it again.
///
/// A manager may give out an environment for several invokes, one after the other, so that a frontend that has the next one
/// already need not ask again: a *chain*. With each answer the worker gives the next token, and keeps the environment for a moment;
/// if nobody comes it is idle again, and only then is the manager told.
///
/// Generic over what identifies managers' connections, environments, invokes and tokens, so that tests need none of them. Of two
/// connections the later one is greater: what a manager has said over an earlier one may come when it speaks over another already.
/// Instants are nanoseconds of a clock that goes on while the host sleeps and that nobody sets.
package struct HostedEnvironments<
    Manager: Hashable & Comparable,
    EnvironmentID: Hashable,
    Invoke: Hashable,
    Token: Hashable
> {
    package typealias Instant = Int

    /// What an environment does.
    package enum Phase: Equatable {
        /// It is being made. Next: `idle`, `busy` (by its first invoke), `leaving`.
        case starting
        /// Whoever shows the token may give it an invoke. Next: `busy`, `leaving`.
        case idle(Token, since: Instant)
        /// It has an invoke, and perhaps another behind it. Next: `idle`, `kept`, `leaving`.
        case busy(Invoke, Chain?)
        /// It is kept for the next invoke of its chain, and the manager does not know that it is idle. Next: `busy`, `idle`,
        /// `leaving`.
        case kept(Chain, since: Instant)
        /// It ends. Next: gone.
        case leaving
    }

    /// Invokes that a manager has given an environment to at once.
    package struct Chain: Equatable {
        /// What the next one shows.
        let next: Token
        /// How many may follow.
        let usesLeft: Int
        /// Until when they may begin.
        let until: Instant
        /// The next one, if it has come while the one before was not quite over.
        var waiting: Invoke?
    }

    /// What is known of one environment.
    package struct Entry: Equatable {
        package let partition: Int
        /// What it may use, in bytes.
        package let memory: Int
        package let isProvisioned: Bool
        package var phase: Phase
        /// How many invokes have followed others since the manager gave the environment out.
        package var followers = 0
        /// What follows the invoke that waits.
        package var promised: Chain?
    }

    /// Who decides for a partition.
    package struct Ownership: Equatable {
        package var epoch: Int
        /// Nil while its connection is lost.
        package var manager: Manager?
        /// The last connection over which this epoch's manager has said that it is.
        var latest: Manager
        /// Until when invokes may begin and go on.
        package var provenUntil: Instant
    }

    package internal(set) var entries: [EnvironmentID: Entry] = [:]
    package private(set) var ownerships: [Int: Ownership] = [:]
    private var memoryPromised = 0
    private let memoryBudget: Int
    private let leash: Int
    let keeping: Keeping
    /// Whether no environments are made any more.
    package var isClosed = false

    /// - Parameters:
    ///   - memoryBudget: The most memory, in bytes, that all environments may have been promised together.
    ///   - leash: How long a partition is proven, in nanoseconds.
    ///   - keeping: How long environments are kept for the next invoke of a chain.
    package init(memoryBudget: Int, leash: Int, keeping: Keeping = Keeping()) {
        self.memoryBudget = memoryBudget
        self.leash = leash
        self.keeping = keeping
    }

    /// How long environments are kept for the next invoke of a chain, in nanoseconds.
    package struct Keeping {
        /// From the end of one invoke to the beginning of the next.
        var pause = 5_000_000
        /// All of a chain, so that others have their turn.
        var all = 100_000_000
    }

    // MARK: Managers

    /// What a manager is told that says a partition is its own.
    package enum OwnAction: Equatable {
        /// These are the partition's environments, and as much as they are doing.
        case report([EnvironmentID])
        /// Another manager came later.
        case outdated(epoch: Int)
    }

    /// A manager says that a partition is its own since an epoch.
    ///
    /// - Parameter makeToken: Draws new tokens for what is idle: those that were handed out before are void.
    package mutating func owned(
        _ partition: Int,
        since epoch: Int,
        by manager: Manager,
        at now: Instant,
        makeToken: () -> Token
    ) -> OwnAction {
        if let ownership = ownerships[partition] {
            let isPast = ownership.epoch == epoch && manager < ownership.latest
            if ownership.epoch > epoch || isPast { return .outdated(epoch: ownership.epoch) }
        }
        // What was proven by the manager before stays so: it is this one that counts the invokes now.
        let provenUntil = ownerships[partition]?.provenUntil ?? now
        ownerships[partition] = Ownership(epoch: epoch, manager: manager, latest: manager, provenUntil: provenUntil)
        let environments = entries.filter { $0.value.partition == partition }
        for (environment, entry) in environments {
            // What may follow was for the manager before to say, but for who has come already.
            entries[environment]?.promised = nil
            switch entry.phase {
            case .idle(_, let since), .kept(_, let since):
                entries[environment]?.phase = .idle(makeToken(), since: since)
            case .busy(let invoke, let chain) where chain?.waiting == nil:
                entries[environment]?.phase = .busy(invoke, nil)
            case .busy, .starting, .leaving:
                break
            }
        }
        return .report(Array(environments.keys))
    }

    /// A manager gives partitions up.
    package mutating func disowned(_ partition: Int, since epoch: Int, by manager: Manager) {
        guard let ownership = ownerships[partition], ownership.epoch == epoch, ownership.manager == manager else {
            return
        }
        ownerships[partition]?.manager = nil
    }

    /// The connection to a manager has ended. What it has handed out stays good as long as it is proven.
    package mutating func managerLost(_ manager: Manager) {
        for (partition, ownership) in ownerships where ownership.manager == manager {
            ownerships[partition]?.manager = nil
        }
    }

    /// A manager has answered a heartbeat that was sent at this moment.
    package mutating func heartbeatAnswered(by manager: Manager, sentAt: Instant) {
        for (partition, ownership) in ownerships where ownership.manager == manager {
            ownerships[partition]?.provenUntil = max(ownership.provenUntil, sentAt + leash)
        }
    }

    /// Who is to hear of an environment, if anybody listens.
    package func manager(of environment: EnvironmentID) -> Manager? {
        entries[environment].flatMap { ownerships[$0.partition]?.manager }
    }

    /// Whether a message about an environment comes from whoever decides for it.
    package func mayDecide(_ manager: Manager, for environment: EnvironmentID) -> Bool {
        self.manager(of: environment) == manager
    }

    /// The environments that work, or begin to, though their partition is not proven any more: they are to be ended.
    package func unproven(at now: Instant) -> [EnvironmentID] {
        entries.compactMap { environment, entry in
            switch entry.phase {
            case .idle, .kept, .leaving: nil
            case .starting, .busy: isProven(entry.partition, at: now) ? nil : environment
            }
        }
    }

    /// When the next partition is proven no more, if its manager is not heard of until then; nil if none is proven.
    package func nextEnd(after now: Instant) -> Instant? {
        ownerships.values.lazy.map(\.provenUntil).filter { $0 > now }.min()
    }

    package func isProven(_ partition: Int, at now: Instant) -> Bool {
        ownerships[partition].map { now < $0.provenUntil } ?? false
    }

    // MARK: Environments

    /// What becomes of a manager's wish for an environment.
    package enum StartAction: Equatable {
        /// End these, and make it.
        case start(evicting: [EnvironmentID])
        /// There is no room for it, whatever ends.
        case noRoom
        /// The manager does not decide for the partition.
        case refuse
    }

    /// A manager wants an environment.
    package mutating func startRequested(
        _ environment: EnvironmentID,
        in partition: Int,
        since epoch: Int,
        memory: Int,
        isProvisioned: Bool,
        by manager: Manager
    ) -> StartAction {
        guard let ownership = ownerships[partition], ownership.epoch == epoch, ownership.manager == manager,
            entries[environment] == nil
        else { return .refuse }
        guard !isClosed, let evicted = makeRoom(for: memory) else { return .noRoom }
        entries[environment] = Entry(
            partition: partition,
            memory: memory,
            isProvisioned: isProvisioned,
            phase: .starting
        )
        memoryPromised += memory
        return .start(evicting: evicted)
    }

    /// Finds memory. Returns the environments that end for it, those first that have been idle for longest; nil if it cannot be
    /// had.
    private mutating func makeRoom(for memory: Int) -> [EnvironmentID]? {
        var missing = memoryPromised + memory - memoryBudget
        guard missing > 0 else { return [] }
        let idle = entries.compactMap {
            environment,
            entry -> (environment: EnvironmentID, since: Instant, memory: Int)? in
            guard case .idle(_, let since) = entry.phase, !entry.isProvisioned else { return nil }
            return (environment, since, entry.memory)
        }
        var evicted: [EnvironmentID] = []
        for candidate in idle.sorted(by: { $0.since < $1.since }) where missing > 0 {
            missing -= candidate.memory
            evicted.append(candidate.environment)
        }
        guard missing <= 0 else { return nil }
        for environment in evicted { leave(environment) }
        return evicted
    }

    /// The environment takes no more invokes. Returns the one that waited for it, of which nothing has been begun.
    @discardableResult
    package mutating func ended(_ environment: EnvironmentID) -> Invoke? {
        defer { leave(environment) }
        guard case .busy(_, let chain?) = entries[environment]?.phase else { return nil }
        return chain.waiting
    }

    /// Nothing of the environment is left; ``ended(_:)`` has been called before.
    package mutating func removed(_ environment: EnvironmentID) {
        leave(environment)
        entries[environment] = nil
    }

    private mutating func leave(_ environment: EnvironmentID) {
        guard let entry = entries[environment], entry.phase != .leaving else { return }
        entries[environment]?.phase = .leaving
        memoryPromised -= entry.memory
    }

    // MARK: Figures

    /// The environments that work, or that have since a moment.
    package func environments(workingSince moment: Instant) -> [EnvironmentID] {
        entries.compactMap { environment, entry in
            switch entry.phase {
            case .starting, .busy, .kept: environment
            case .idle(_, let since): since >= moment ? environment : nil
            case .leaving: nil
            }
        }
    }

    /// How much of the memory budget is promised to nobody, in bytes.
    package var memoryFree: Int { max(0, memoryBudget - memoryPromised) }

    /// What is promised to environments that work or are being made, in bytes.
    package var memoryBusy: Int {
        entries.values.reduce(0) { sum, entry in
            switch entry.phase {
            case .idle, .kept, .leaving: sum
            case .starting, .busy: sum + entry.memory
            }
        }
    }
}
