/// A process on a host of its own: has a clock that runs at its own rate, can be paused, and dies and starts again.
class SimulatedProcess {
    let world: World
    let name: String
    /// How fast its clock runs.
    private let rate: Double
    private let clockStart: Int
    /// Counts its starts.
    private(set) var life = 0
    private(set) var isUp = false
    private(set) var isPaused = false
    /// What has come while it stood still.
    private var held: [(life: Int, body: () -> Void)] = []

    init(_ name: String, in world: World) {
        self.world = world
        self.name = name
        rate = Double(world.random.pick(9_950...10_050)) / 10_000
        clockStart = world.random.pick(0...1_000_000) * Span.second
    }

    /// Its clock, which nobody sets.
    func clock() -> Int { clockStart + Int(Double(world.now) * rate) }

    /// Does something when so much has passed by its clock, if it lives so long.
    func later(_ span: Int, _ body: @escaping () -> Void) {
        let life = life
        // Never too early by its own clock.
        world.after(Int(Double(max(0, span)) / rate) + 1) { [self] in deliver(to: life, body) }
    }

    /// Does something now, or when it goes on again.
    func deliver(to life: Int, _ body: @escaping () -> Void) {
        guard life == self.life, isUp else { return }
        if isPaused { held.append((life, body)) } else { body() }
    }

    func start() {
        precondition(!isUp, "\(name) runs already")
        isUp = true
        life += 1
        world.note("\(name) starts")
        started()
    }

    func crash() {
        guard isUp else { return }
        world.note("\(name) crashes")
        isUp = false
        isPaused = false
        held = []
        died()
    }

    func pause() {
        guard isUp, !isPaused else { return }
        world.note("\(name) is paused")
        isPaused = true
    }

    func resume() {
        guard isUp, isPaused else { return }
        world.note("\(name) goes on")
        isPaused = false
        let bodies = held
        held = []
        for (life, body) in bodies { deliver(to: life, body) }
    }

    /// The process has been started; nothing of what it had before is there.
    func started() {}

    /// The process is gone.
    func died() {}
}

/// An event loop of a process: does one thing after the other, each a moment after it was asked to.
final class Lane {
    private let process: SimulatedProcess
    private var last = 0

    init(of process: SimulatedProcess) {
        self.process = process
    }

    func execute(_ body: @escaping () -> Void) {
        let world = process.world
        last = max(last, world.now + world.random.pick(0...30) * Span.microsecond)
        let life = process.life
        world.at(last) { [process] in process.deliver(to: life, body) }
    }
}
