/// When a server that could not be reached is tried again: after a pause that doubles from one failure to the next.
struct ReconnectBackOff {
    static let pauseMin = Duration.milliseconds(50)
    static let pauseMax = Duration.seconds(2)

    private var pause = Duration.zero
    private var nextTry: ContinuousClock.Instant?

    /// Whether it may be tried now.
    func mayTry(at now: ContinuousClock.Instant) -> Bool {
        nextTry.map { $0 <= now } ?? true
    }

    /// The server could not be reached.
    mutating func failed(at now: ContinuousClock.Instant) {
        pause = min(max(pause * 2, Self.pauseMin), Self.pauseMax)
        nextTry = now + pause
    }

    /// There is a connection.
    mutating func connected() {
        pause = .zero
        nextTry = nil
    }
}
