/// An invoke as a manager counts it.
final class SimulatedInvoke {
    enum Outcome {
        case reserved(FleetMessage.Reservation)
        case throttled
        case failed
        case moved
    }

    let number: Int
    let function: Int
    /// Its caller's.
    let lane: Lane
    private let answer: (Outcome) -> Void
    private let isOver: () -> Void

    init(
        _ number: Int,
        of function: Int,
        on lane: Lane,
        isOver: @escaping () -> Void,
        answer: @escaping (Outcome) -> Void = { _ in }
    ) {
        self.number = number
        self.function = function
        self.lane = lane
        self.isOver = isOver
        self.answer = answer
    }

    /// No environment works for it any more.
    func finished() { isOver() }

    /// It is answered, and was not counted or goes on being so.
    func complete(_ outcome: Outcome) { answer(outcome) }

    func refuse(_ outcome: Outcome) {
        finished()
        answer(outcome)
    }
}
