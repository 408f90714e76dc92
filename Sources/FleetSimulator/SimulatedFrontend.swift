import Fleet
import FrontendRole
import MetadataStore

/// A frontend: the glue of `FleetInvoker`, `LinkPool` and `FleetDirectory`.
final class SimulatedFrontend: SimulatedProcess, SimulatedObserver {
    let fleet: SimulatedFleet
    private var membership: SimulatedMembership?
    private var owners: [String?] = []
    private var links: [String: FrontendsLink] = [:]
    fileprivate var invokes: [Int: FrontendsInvoke] = [:]
    /// By the functions.
    fileprivate var kept = KeptReservationList<Int, FleetMessage.Reservation>()

    init(_ name: String, in fleet: SimulatedFleet) {
        self.fleet = fleet
        super.init(name, in: fleet.world)
    }

    override func started() {
        let membership = SimulatedMembership(self, .frontend, store: fleet.store, observer: self)
        self.membership = membership
        membership.run()
    }

    /// Whoever waits for an answer finds its connection closed.
    override func died() {
        membership = nil
        (owners, links, kept) = ([], [:], KeptReservationList())
        fleet.network.processDied(self)
        let invokes = invokes
        self.invokes = [:]
        for number in invokes.keys.sorted() { invokes[number]?.frontendDied() }
    }

    func joined(as member: FleetMemberID) {}
    func leaseEnded() {}
    func leaseResumed() {}
    func evicted() {}

    func fleetChanged(_ view: FleetView) {
        let before = Set(owners.compactMap { $0 })
        owners = (0..<fleet.partitionCount).map { view.owner(of: $0)?.manager.id.name }
        let gone = before.subtracting(view.members(.manager).map(\.id.name))
        for name in gone.sorted() { links.removeValue(forKey: name)?.link?.close() }
    }

    func invoke(_ number: Int, of function: Int, _ completed: @escaping (FrontendsInvoke.Outcome) -> Void) {
        let invoke = FrontendsInvoke(number, of: function, by: self, completed)
        invokes[number] = invoke
        invoke.begin()
    }

    fileprivate func manager(of function: Int) -> String? {
        let partition = fleet.partition(of: function)
        return owners.indices.contains(partition) ? owners[partition] : nil
    }

    fileprivate func whenOpen(_ name: String, _ body: @escaping (SimulatedLink?) -> Void) {
        if let known = links[name] { return known.whenOpen(body) }
        let pooled = FrontendsLink { [weak self] ended in
            if self?.links[name] === ended { self?.links[name] = nil }
        }
        links[name] = pooled
        pooled.whenOpen(body)
        fleet.network.dial(name, from: self, user: pooled) { link in
            if link == nil { pooled.failed() }
        }
    }
}

/// A link of a frontend's pool, from the moment when it is wanted.
private final class FrontendsLink: SimulatedLinkUser {
    private(set) var link: SimulatedLink?
    private var waiting: [(SimulatedLink?) -> Void] = []
    private let ended: (FrontendsLink) -> Void

    init(ended: @escaping (FrontendsLink) -> Void) {
        self.ended = ended
    }

    func whenOpen(_ body: @escaping (SimulatedLink?) -> Void) {
        if let link { body(link) } else { waiting.append(body) }
    }

    func failed() {
        ended(self)
        complete(nil)
    }

    private func complete(_ link: SimulatedLink?) {
        let bodies = waiting
        waiting = []
        for body in bodies { body(link) }
    }

    func linkOpened(_ link: SimulatedLink) {
        self.link = link
        complete(link)
    }

    func linkEnded(_ link: SimulatedLink) { ended(self) }
    func received(_ message: FleetMessage, over link: SimulatedLink) {}
}

/// The glue of `FleetInvoke` around ``FleetInvokeState``.
final class FrontendsInvoke {
    enum Outcome {
        case answered
        case throttled
        /// No environment could be had.
        case failed
        /// Nothing could be begun for so long.
        case gaveUp
        /// Nobody can tell what has been done.
        case lost
    }

    private static let patience = 20 * Span.second

    private let number: Int
    private let function: Int
    private unowned let frontend: SimulatedFrontend
    private let completed: (Outcome) -> Void
    private var state: FleetInvokeState

    init(_ number: Int, of function: Int, by frontend: SimulatedFrontend, _ completed: @escaping (Outcome) -> Void) {
        self.number = number
        self.function = function
        self.frontend = frontend
        self.completed = completed
        state = FleetInvokeState(deadline: frontend.clock() + Self.patience)
    }

    /// Uses an environment again that has just been used for the same function, or asks for one.
    func begin() {
        guard let reservation = frontend.kept.take(for: function, at: frontend.clock()) else { return reserve() }
        frontend.fleet.oracle.count { $0.followers += 1 }
        bring(reservation)
    }

    private func reserve() {
        guard let manager = frontend.manager(of: function) else { return notBegun() }
        frontend.whenOpen(manager) { [self] link in
            guard let link else { return notBegun() }
            var call: Int?
            call = link.begin { [self] message in
                if let call { link.end(call) }
                switch message {
                case .reserved(_, let reservation)?: bring(reservation)
                case .refused(_, .throttled)?: end(.throttled)
                case .refused(_, .failed)?: end(.failed)
                default: notBegun()
                }
            } _: {
                .reserve(call: $0, invoke: number, function: function)
            }
            if call == nil { notBegun() }
        }
    }

    private func bring(_ reservation: FleetMessage.Reservation) {
        guard state.reserved() else { return }
        frontend.whenOpen(reservation.worker) { [self] link in
            guard let link else { return notBegun() }
            var call: Int?
            call = link.begin { [self] message in
                if let call { link.end(call) }
                switch message {
                case .result(_, let next)?: answered(reservation, next)
                case .notRun?: notBegun()
                default: end(.lost)
                }
            } _: {
                .run(call: $0, invoke: number, function: function, reservation)
            }
            if call == nil { notBegun() }
        }
    }

    private func answered(_ reservation: FleetMessage.Reservation, _ next: Int?) {
        guard state.ended() else { return }
        if let next { frontend.kept.add(reservation.next(showing: next), for: function, at: frontend.clock()) }
        tell(.answered)
    }

    private func notBegun() {
        switch state.notBegun(at: frontend.clock()) {
        case .reserve(let pause): frontend.later(pause) { [self] in reserve() }
        case .giveUp: tell(.gaveUp)
        case .none: break
        }
    }

    private func end(_ outcome: Outcome) {
        if state.ended() { tell(outcome) }
    }

    private func tell(_ outcome: Outcome) {
        guard frontend.invokes.removeValue(forKey: number) != nil else { return }
        completed(outcome)
    }

    fileprivate func frontendDied() { completed(.lost) }
}
