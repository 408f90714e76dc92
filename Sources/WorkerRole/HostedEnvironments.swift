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
/// Generic over what identifies managers' connections, environments, invokes and tokens, so that tests need none of them. Instants
/// are nanoseconds of a clock that goes on while the host sleeps and that nobody sets.
struct HostedEnvironments<Manager: Hashable, EnvironmentID: Hashable, Invoke: Hashable, Token: Hashable> {
    typealias Instant = Int

    /// What an environment does.
    enum Phase: Equatable {
        /// It is being made. Next: `idle`, `busy` (by its first invoke), `leaving`.
        case starting
        /// Whoever shows the token may give it an invoke. Next: `busy`, `leaving`.
        case idle(Token, since: Instant)
        /// It has an invoke. Next: `idle`, `leaving`.
        case busy(Invoke)
        /// It ends. Next: gone.
        case leaving
    }

    /// What is known of one environment.
    struct Entry: Equatable {
        let partition: Int
        /// What it may use, in bytes.
        let memory: Int
        let isProvisioned: Bool
        var phase: Phase
    }

    /// Who decides for a partition.
    struct Ownership: Equatable {
        var epoch: Int
        /// Nil while its connection is lost.
        var manager: Manager?
        /// Until when invokes may begin and go on.
        var provenUntil: Instant
    }

    private(set) var entries: [EnvironmentID: Entry] = [:]
    private(set) var ownerships: [Int: Ownership] = [:]
    private var memoryPromised = 0
    private let memoryBudget: Int
    private let leash: Int
    /// Whether no environments are made any more.
    var isClosed = false

    /// - Parameters:
    ///   - memoryBudget: The most memory, in bytes, that all environments may have been promised together.
    ///   - leash: How long a partition is proven, in nanoseconds.
    init(memoryBudget: Int, leash: Int) {
        self.memoryBudget = memoryBudget
        self.leash = leash
    }

    // MARK: Managers

    /// What a manager is told that says a partition is its own.
    enum OwnAction: Equatable {
        /// These are the partition's environments, and as much as they are doing.
        case report([EnvironmentID])
        /// Another manager came later.
        case outdated(epoch: Int)
    }

    /// A manager says that a partition is its own since an epoch.
    ///
    /// - Parameter makeToken: Draws new tokens for what is idle: those that were handed out before are void.
    mutating func owned(
        _ partition: Int,
        since epoch: Int,
        by manager: Manager,
        at now: Instant,
        makeToken: () -> Token
    ) -> OwnAction {
        if let ownership = ownerships[partition], ownership.epoch > epoch {
            return .outdated(epoch: ownership.epoch)
        }
        // What was proven by the manager before stays so: it is this one that counts the invokes now.
        ownerships[partition, default: Ownership(epoch: epoch, manager: manager, provenUntil: now)].epoch = epoch
        ownerships[partition]?.manager = manager
        let environments = entries.filter { $0.value.partition == partition }
        for (environment, entry) in environments {
            guard case .idle(_, let since) = entry.phase else { continue }
            entries[environment]?.phase = .idle(makeToken(), since: since)
        }
        return .report(Array(environments.keys))
    }

    /// A manager gives partitions up.
    mutating func disowned(_ partition: Int, since epoch: Int, by manager: Manager) {
        guard let ownership = ownerships[partition], ownership.epoch == epoch, ownership.manager == manager else {
            return
        }
        ownerships[partition]?.manager = nil
    }

    /// The connection to a manager has ended. What it has handed out stays good as long as it is proven.
    mutating func managerLost(_ manager: Manager) {
        for (partition, ownership) in ownerships where ownership.manager == manager {
            ownerships[partition]?.manager = nil
        }
    }

    /// A manager has answered a heartbeat that was sent at this moment.
    mutating func heartbeatAnswered(by manager: Manager, sentAt: Instant) {
        for (partition, ownership) in ownerships where ownership.manager == manager {
            ownerships[partition]?.provenUntil = max(ownership.provenUntil, sentAt + leash)
        }
    }

    /// Who is to hear of an environment, if anybody listens.
    func manager(of environment: EnvironmentID) -> Manager? {
        entries[environment].flatMap { ownerships[$0.partition]?.manager }
    }

    /// Whether a message about an environment comes from whoever decides for it.
    func mayDecide(_ manager: Manager, for environment: EnvironmentID) -> Bool {
        self.manager(of: environment) == manager
    }

    /// The environments that work, or begin to, though their partition is not proven any more: they are to be ended.
    func unproven(at now: Instant) -> [EnvironmentID] {
        entries.compactMap { environment, entry in
            switch entry.phase {
            case .idle, .leaving: nil
            case .starting, .busy: isProven(entry.partition, at: now) ? nil : environment
            }
        }
    }

    private func isProven(_ partition: Int, at now: Instant) -> Bool {
        ownerships[partition].map { now < $0.provenUntil } ?? false
    }

    // MARK: Environments

    /// What becomes of a manager's wish for an environment.
    enum StartAction: Equatable {
        /// End these, and make it.
        case start(evicting: [EnvironmentID])
        /// There is no room for it, whatever ends.
        case noRoom
        /// The manager does not decide for the partition.
        case refuse
    }

    /// A manager wants an environment.
    mutating func startRequested(
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

    /// What comes of an event that somebody brings.
    enum RunAction: Equatable {
        case run
        /// Nothing has been begun.
        case refuse(Refusal)
    }

    /// Why an environment takes no event.
    enum Refusal: Equatable {
        /// The environment is not there, or ends.
        case gone
        /// The token is not, or no longer, good.
        case void
        /// The manager has not been heard of for too long.
        case unproven
    }

    /// Somebody brings an event for an environment.
    mutating func runRequested(
        _ invoke: Invoke,
        in environment: EnvironmentID,
        showing token: Token,
        at now: Instant
    ) -> RunAction {
        guard let entry = entries[environment], entry.phase != .leaving else { return .refuse(.gone) }
        guard case .idle(token, _) = entry.phase else { return .refuse(.void) }
        guard isProven(entry.partition, at: now) else { return .refuse(.unproven) }
        entries[environment]?.phase = .busy(invoke)
        return .run
    }

    /// The answer to a manager that wants a token void.
    enum VoidAction: Equatable {
        case idle(Token)
        case running
        case gone
        case none
    }

    /// A manager has heard nothing of what it handed out, and wants it void if it was not used.
    mutating func voidRequested(_ environment: EnvironmentID, by manager: Manager, makeToken: () -> Token) -> VoidAction
    {
        guard let entry = entries[environment] else { return .gone }
        guard mayDecide(manager, for: environment) else { return .none }
        switch entry.phase {
        case .idle(_, let since):
            let token = makeToken()
            entries[environment]?.phase = .idle(token, since: since)
            return .idle(token)
        case .busy:
            return .running
        case .starting, .leaving:
            return .none
        }
    }

    /// The environment may be given an invoke, for the first time or again. Returns whether it is wanted still.
    mutating func becameIdle(_ environment: EnvironmentID, with token: Token, at now: Instant) -> Bool {
        guard let entry = entries[environment], entry.phase != .leaving else { return false }
        entries[environment]?.phase = .idle(token, since: now)
        return true
    }

    /// The environment takes no more invokes.
    mutating func ended(_ environment: EnvironmentID) {
        leave(environment)
    }

    /// Nothing of the environment is left.
    mutating func removed(_ environment: EnvironmentID) {
        leave(environment)
        entries[environment] = nil
    }

    private mutating func leave(_ environment: EnvironmentID) {
        guard let entry = entries[environment], entry.phase != .leaving else { return }
        entries[environment]?.phase = .leaving
        memoryPromised -= entry.memory
    }

    // MARK: Figures

    /// How much of the memory budget is promised to nobody, in bytes.
    var memoryFree: Int { max(0, memoryBudget - memoryPromised) }

    /// What is promised to environments that work or are being made, in bytes.
    var memoryBusy: Int {
        entries.values.reduce(0) { sum, entry in
            switch entry.phase {
            case .idle, .leaving: sum
            case .starting, .busy: sum + entry.memory
            }
        }
    }

    /// Whether nothing works and nothing is being made.
    var isQuiet: Bool {
        entries.values.allSatisfy {
            switch $0.phase {
            case .idle, .leaving: true
            case .starting, .busy: false
            }
        }
    }
}
