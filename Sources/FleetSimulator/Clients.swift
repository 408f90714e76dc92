/// Those who invoke functions, and the queue of what they need not wait for.
final class Clients {
    private let fleet: SimulatedFleet
    private var world: World { fleet.world }
    /// Invokes that somebody waits for.
    private var waiting: Set<Int> = []
    /// Events that were accepted and have not been worked on to the end.
    private var events: Set<Int> = []
    /// How many of the last invokes are not answered.
    private var callsLeft = 0

    /// How long nothing is heard of an attempt until another is made.
    private static let attemptMax = 60 * Span.second

    init(of fleet: SimulatedFleet) {
        self.fleet = fleet
    }

    /// Invokes functions until a moment, now and then many at once.
    func invoke(until end: Int) {
        var moment = 1 * Span.second
        while moment < end {
            let count = world.random.happens(oneIn: 12) ? world.random.pick(3...fleet.account / 2 + 3) : 1
            let function = world.random.pick(0...fleet.functionCount - 1)
            if fleet.isQuick(function), world.random.happens(oneIn: 3) { follow(function, from: moment) }
            for _ in 0..<count {
                let isEvent = world.random.happens(oneIn: 4)
                world.at(moment) { [self] in isEvent ? accept(function) : wait(for: function) }
            }
            moment += world.random.pick(10...600) * Span.millisecond
        }
    }

    private func frontend() -> SimulatedFrontend? {
        fleet.frontends.filter(\.isUp).randomElement(using: &world.random)
    }

    /// Some clients of one frontend invoke a function, each as soon as it has an answer.
    private func follow(_ function: Int, from moment: Int) {
        for _ in 0..<world.random.pick(1...4) {
            let count = world.random.pick(3...40)
            world.at(moment) { [self] in
                if let frontend = frontend() { wait(for: function, at: frontend, followedBy: count) }
            }
        }
    }

    private func wait(for function: Int) {
        if let frontend = frontend() { wait(for: function, at: frontend, followedBy: 0) }
    }

    private func wait(for function: Int, at frontend: SimulatedFrontend, followedBy followers: Int) {
        guard frontend.isUp else { return }
        let number = fleet.makeID()
        waiting.insert(number)
        fleet.oracle.count { $0.invokes += 1 }
        frontend.deliver(to: frontend.life) { [self] in
            frontend.invoke(number, of: function) { [self] outcome in
                waiting.remove(number)
                fleet.oracle.count { figures in
                    switch outcome {
                    case .answered: figures.answered += 1
                    case .throttled: figures.throttled += 1
                    case .failed, .gaveUp: figures.refused += 1
                    case .lost: figures.lost += 1
                    }
                }
                guard followers > 0 else { return }
                world.after(world.random.pick(0...2500) * Span.microsecond) { [self] in
                    wait(for: function, at: frontend, followedBy: followers - 1)
                }
            }
        }
        // A frontend that dies before it has taken the request closes the connection, too.
        let life = frontend.life
        if frontend.isPaused { watch(number, frontend, life) }
    }

    private func watch(_ number: Int, _ frontend: SimulatedFrontend, _ life: Int) {
        world.after(1 * Span.second) { [self] in
            guard waiting.contains(number) else { return }
            guard frontend.isUp, frontend.life == life else {
                waiting.remove(number)
                return
            }
            watch(number, frontend, life)
        }
    }

    private func accept(_ function: Int) {
        let event = fleet.makeID()
        events.insert(event)
        fleet.oracle.count { $0.invokes += 1 }
        attempt(event, function)
    }

    /// Attempts go on until one is known to have come to its end.
    private func attempt(_ event: Int, _ function: Int) {
        guard events.contains(event) else { return }
        guard let frontend = frontend(), !frontend.isPaused else { return attemptLater(event, function) }
        let number = fleet.makeID()
        var isOpen = true
        frontend.deliver(to: frontend.life) { [self] in
            frontend.invoke(number, of: function) { [self] outcome in
                guard isOpen else { return }
                isOpen = false
                if case .answered = outcome {
                    if events.remove(event) != nil { fleet.oracle.count { $0.answered += 1 } }
                } else {
                    attemptLater(event, function)
                }
            }
        }
        world.after(Self.attemptMax) { [self] in
            guard isOpen else { return }
            isOpen = false
            attempt(event, function)
        }
    }

    private func attemptLater(_ event: Int, _ function: Int) {
        world.after(world.random.pick(200...1500) * Span.millisecond) { [self] in attempt(event, function) }
    }

    /// Who has not been answered, and should be.
    var violations: [String] {
        var violations: [String] = []
        if !waiting.isEmpty { violations.append("invokes were never answered: \(waiting.sorted().prefix(5))") }
        if !events.isEmpty { violations.append("accepted events were never worked on: \(events.sorted().prefix(5))") }
        if callsLeft > 0 { violations.append("\(callsLeft) last invokes were never answered") }
        return violations
    }

    /// Invokes every function by every frontend, one after the other; each must be answered, be it at the second attempt,
    /// when a manager that had nothing to do has some of the concurrency again.
    func invokeEach() {
        let calls = fleet.frontends.flatMap { frontend in (0..<fleet.functionCount).map { (frontend, $0) } }
        invoke(calls[...], attempt: 1)
    }

    private func invoke(_ calls: ArraySlice<(SimulatedFrontend, Int)>, attempt: Int) {
        callsLeft = calls.count
        guard let (frontend, function) = calls.first else { return }
        frontend.invoke(fleet.makeID(), of: function) { [self] outcome in
            switch outcome {
            case .answered:
                invoke(calls.dropFirst(), attempt: 1)
            case .failed where attempt < 5:
                // Its environment could not be made, as happens now and then.
                invoke(calls, attempt: attempt + 1)
            case .throttled where attempt < 5:
                fleet.oracle.count { $0.throttledWhileIdle += 1 }
                world.after(1 * Span.second) { [self] in invoke(calls, attempt: attempt + 1) }
            default:
                fleet.oracle.violated("in the end, function \(function) cannot be invoked: \(outcome)")
                invoke(calls.dropFirst(), attempt: 1)
            }
        }
    }
}
