/// What connects processes: slow now and then, and cut in one direction or both.
final class SimulatedNetwork {
    struct Direction: Hashable {
        let from: String
        let to: String
    }

    private let world: World
    private var links: [SimulatedLink] = []
    private var listeners: [String: (process: SimulatedProcess, accept: (SimulatedProcess) -> any SimulatedLinkUser)] =
        [:]
    /// Directions in which nothing passes.
    private var cuts: [Direction: Int] = [:]
    /// What waits at a cut: it is sent again until it passes.
    private var stalled: [Direction: [() -> Void]] = [:]
    /// Directions that are slow, with the most that a message takes.
    var slow: [Direction: Int] = [:]

    private static let connectTimeout = 2 * Span.second

    init(in world: World) {
        self.world = world
    }

    func listen(_ process: SimulatedProcess, _ accept: @escaping (SimulatedProcess) -> any SimulatedLinkUser) {
        listeners[process.name] = (process, accept)
    }

    // MARK: Faults

    func cut(_ direction: Direction) { cuts[direction, default: 0] += 1 }

    func heal(_ direction: Direction) {
        guard let count = cuts[direction] else { return }
        cuts[direction] = count > 1 ? count - 1 : nil
        guard count == 1 else { return }
        let bodies = stalled.removeValue(forKey: direction) ?? []
        for body in bodies { body() }
    }

    func healAll() {
        slow = [:]
        for direction in cuts.keys.sorted(by: { ($0.from, $0.to) < ($1.from, $1.to) }) {
            cuts[direction] = 1
            heal(direction)
        }
    }

    func isCut(_ direction: Direction) -> Bool { cuts[direction] != nil }

    /// Ends some connection.
    func breakOne() {
        links.randomElement(using: &world.random)?.close()
    }

    func processDied(_ process: SimulatedProcess) {
        for link in links where link.process === process { link.processDied() }
        links.removeAll { $0.process === process }
    }

    func ended(_ link: SimulatedLink) { links.removeAll { $0 === link } }

    // MARK: Messages

    func carry(
        from: SimulatedProcess,
        to: SimulatedProcess,
        notBefore last: inout Int,
        _ body: @escaping () -> Void
    ) {
        let direction = Direction(from: from.name, to: to.name)
        let spanMax = slow[direction] ?? 400 * Span.microsecond
        last = max(last, world.now + world.random.pick(50 * Span.microsecond...spanMax))
        world.at(last) { [self] in
            if isCut(direction) || stalled[direction] != nil {
                stalled[direction, default: []].append(body)
            } else {
                body()
            }
        }
    }

    /// Connects two processes. `completed` is told the link when it has opened, or nil.
    func dial(
        _ name: String,
        from: SimulatedProcess,
        user: any SimulatedLinkUser,
        _ completed: @escaping (SimulatedLink?) -> Void
    ) {
        let life = from.life
        guard let (to, accept) = listeners[name] else { return completed(nil) }
        let (there, back) = (Direction(from: from.name, to: name), Direction(from: name, to: from.name))
        let span =
            world.random.pick(200 * Span.microsecond...1 * Span.millisecond) + (slow[there] ?? 0) + (slow[back] ?? 0)
        guard !isCut(there), !isCut(back), !to.isPaused else {
            return from.later(Self.connectTimeout) { completed(nil) }
        }
        world.after(span) { [self] in
            guard from.isUp, from.life == life else { return }
            guard to.isUp, !isCut(there), !isCut(back) else { return from.deliver(to: life) { completed(nil) } }
            let dialled = SimulatedLink(of: from, to: to, self, user: user)
            let accepted = SimulatedLink(of: to, to: from, self, user: accept(from))
            dialled.join(accepted)
            accepted.join(dialled)
            links += [dialled, accepted]
            accepted.send(.greeting)
            to.deliver(to: to.life) { accepted.open() }
            dialled.dialled = completed
        }
    }
}
