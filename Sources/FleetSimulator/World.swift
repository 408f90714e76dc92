import HeapModule

/// True time, which no simulated process knows, and what happens in it: one event after the other, in an order that
/// follows from the seed.
final class World {
    private struct Event: Comparable {
        let moment: Int
        let number: Int
        let body: () -> Void

        static func < (first: Event, second: Event) -> Bool {
            (first.moment, first.number) < (second.moment, second.number)
        }

        static func == (first: Event, second: Event) -> Bool { first.number == second.number }
    }

    private(set) var now = 0
    private(set) var eventCount = 0
    var random: SimulatedRandomness
    private var events = Heap<Event>()
    private var nextNumber = 0
    /// What has happened, for whoever looks into a seed.
    let trace: ((String) -> Void)?

    init(seed: UInt64, trace: ((String) -> Void)? = nil) {
        random = SimulatedRandomness(seed: seed)
        self.trace = trace
    }

    func at(_ moment: Int, _ body: @escaping () -> Void) {
        nextNumber += 1
        events.insert(Event(moment: max(now, moment), number: nextNumber, body: body))
    }

    func after(_ span: Int, _ body: @escaping () -> Void) { at(now + span, body) }

    /// Lets time pass until a moment; `check` looks at the world after each event.
    func run(until end: Int, check: () -> Void) {
        while let next = events.min, next.moment <= end {
            events.removeMin()
            now = next.moment
            eventCount += 1
            next.body()
            check()
        }
        now = end
    }

    func note(_ text: @autoclosure () -> String) {
        trace?("\(Double(now / Span.microsecond) / 1_000_000) \(text())")
    }
}
