import NIOCore

/// How long it is until a host that could not be reached is tried again.
struct DialBackOff {
    private static let first = TimeAmount.milliseconds(100)
    private static let last = TimeAmount.seconds(2)
    private var delay = first

    /// Whether nothing has failed yet.
    var isFirst: Bool { delay == Self.first }

    /// The next delay: twice the one before.
    mutating func next() -> TimeAmount {
        defer { delay = min(delay * 2, Self.last) }
        return delay
    }
}
