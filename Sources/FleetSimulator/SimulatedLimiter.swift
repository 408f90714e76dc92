import Invocation

/// The glue of `ConcurrencyLimiter` around ``Admission``.
final class SimulatedLimiter {
    private static let patience = 250 * Span.millisecond

    private var machine: Admission<Int, Int, SimulatedInvoke>
    private let process: SimulatedProcess
    private let run: (SimulatedInvoke) -> Void
    private let onWaiting: () -> Void

    init(
        _ process: SimulatedProcess,
        account: Int,
        onWaiting: @escaping () -> Void,
        run: @escaping (SimulatedInvoke) -> Void
    ) {
        self.process = process
        machine = Admission(.init(account: account, requestsPerSecond: nil, isShared: true))
        self.run = run
        self.onWaiting = onWaiting
    }

    func submit(_ invoke: SimulatedInvoke) {
        switch machine.invokeArrived(invoke.function, 1, at: process.clock(), waiter: invoke) {
        case .admit: run(invoke)
        case .refuse: invoke.complete(.throttled)
        case .wait(let ticket):
            onWaiting()
            process.later(Self.patience) { [weak self] in
                self?.machine.waitedLongEnough(ticket, for: invoke.function)?.0.complete(.throttled)
            }
        }
    }

    func invokeFinished(_ function: Int) {
        guard let next = machine.invokeFinished(function, 1) else { return }
        next.lane.execute { [self] in run(next) }
    }

    func settingsChanged(of function: Int, reserved: Int) {
        again(machine.settingsChanged(.init(reserved: reserved), of: function))
    }

    private func again(_ invokes: [SimulatedInvoke]) {
        for invoke in invokes { invoke.lane.execute { [self] in submit(invoke) } }
    }

    // MARK: Shares

    func shareChanged(to places: Int) { again(machine.shareChanged(to: places)) }
    func shareShrinks(to places: Int) -> Int { machine.shareShrinks(to: places) }
    func commonRunning(_ isIncluded: (Int) -> Bool) -> Int { machine.commonRunning(isIncluded) }

    var commonUse: (running: Int, waiting: Int) {
        let use = machine.commonUse
        return (use.inUse, use.waiting)
    }

    func adopt(_ number: Int, of function: Int, on lane: Lane) -> SimulatedInvoke {
        machine.invokeAdopted(function, 1)
        return SimulatedInvoke(number, of: function, on: lane) { [weak self] in self?.invokeFinished(function) }
    }

    func forget(expecting expected: Int, _ isForgotten: (Int) -> Bool) -> Int {
        let (waiters, running) = machine.forget(expecting: expected, isForgotten)
        fail(waiters)
        return running
    }

    func expect(_ count: Int) { machine.expect(count) }
    func found(_ count: Int) { again(machine.found(count)) }

    func memberEvicted(_ isForgotten: (Int) -> Bool) {
        let (forgotten, waiters) = machine.memberEvicted(isForgotten)
        fail(forgotten)
        again(waiters)
    }

    private func fail(_ waiters: [SimulatedInvoke]) {
        for waiter in waiters { waiter.lane.execute { waiter.complete(.moved) } }
    }

    var isIdle: Bool { machine.isIdle }
    var inUse: Int { machine.inUse }
}
