/// An execution environment with its function, which goes on while the worker's process stands still.
final class SimulatedEnvironment {
    enum Answer {
        /// The function has run, to whatever end.
        case result
        /// Nothing of it has begun.
        case notRun
    }

    let id: Int
    let function: Int
    private unowned let worker: SimulatedWorker
    private let life: Int
    private(set) var invoke: Int?
    private var answer: ((Answer) -> Void)?
    private var hasInitialised = false
    private var isRetiring = false
    private var isEnding = false
    /// Counts invokes, so that a timer of one says nothing of the next.
    private var turn = 0

    private static let timeout = 16 * Span.second

    init(_ id: Int, of function: Int, on worker: SimulatedWorker) {
        self.id = id
        self.function = function
        self.worker = worker
        life = worker.life
    }

    private var world: World { worker.world }
    private var oracle: Oracle { worker.fleet.oracle }

    func initialise() {
        let span = world.random.happens(oneIn: 10) ? world.random.pick(1...4000) : world.random.pick(20...400)
        let hasFailed = world.random.happens(oneIn: 40)
        world.after(span * Span.millisecond) { [self] in
            worker.deliver(to: life) { [self] in
                guard !isEnding else { return }
                if hasFailed {
                    worker.failedToInitialise(self)
                    return end()
                }
                hasInitialised = true
                worker.initialised(self)
            }
        }
    }

    /// Gives the function an event. Returns false if nothing of it has begun.
    func run(_ invoke: Int, of wanted: Int, _ answer: @escaping (Answer) -> Void) -> Bool {
        guard !isEnding, self.invoke == nil, hasInitialised else { return false }
        oracle.began(invoke, of: wanted, in: self, on: worker)
        self.invoke = invoke
        self.answer = answer
        turn += 1
        let turn = turn
        world.after(worker.fleet.runTime(of: function)) { [self] in functionEnds(turn) }
        worker.later(Self.timeout) { [self] in
            guard self.turn == turn, self.invoke != nil, !isEnding else { return }
            abort()
        }
        return true
    }

    /// The function is done, whether or not the worker notices now.
    private func functionEnds(_ turn: Int) {
        guard turn == self.turn, let invoke, !isKilled else { return }
        oracle.ended(invoke, in: self)
        hasRun = true
        worker.deliver(to: life) { [self] in
            guard turn == self.turn, !isEnding else { return }
            reply()
            worker.answered(self)
            // Extensions may have something to do before the next.
            let span = world.random.happens(oneIn: 10) ? 80_000 : 3000
            worker.later(world.random.pick(0...span) * Span.microsecond) { [self] in
                guard turn == self.turn, !isEnding else { return }
                self.invoke = nil
                hasRun = false
                if isRetiring { return end() }
                worker.becameIdle(self)
            }
        }
    }

    private var hasRun = false
    private var isKilled = false

    private func reply() {
        answer?(.result)
        answer = nil
    }

    /// Whatever runs is over at once.
    func kill() {
        isKilled = true
        isEnding = true
        guard let invoke, !hasRun else { return }
        oracle.ended(invoke, in: self)
    }

    func retire() {
        guard !isEnding else { return }
        isRetiring = true
        if invoke == nil { end() }
    }

    /// Ends the environment and what it runs, of which the caller is told.
    func abort() {
        guard !isEnding else { return }
        end()
    }

    private func end() {
        guard !isEnding else { return }
        kill()
        reply()
        worker.ended(self)
        worker.later(world.random.pick(0...50) * Span.millisecond) { [self] in worker.removed(self) }
    }
}
