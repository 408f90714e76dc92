import LambdaAPI
import LogStore
import LogsAPI

/// Where reading goes on, after an event or before one, as the text that clients carry about.
struct EventToken {
    let isForward: Bool
    let position: EventPosition

    private static let timeDigits = 13
    /// Of what has the event: the host's number where a token is, the stream's and the host's where it is an event's name.
    private static let originDigits = 20
    private static let segmentDigits = 8
    private static let offsetDigits = 15

    init(isForward: Bool, position: EventPosition) {
        self.isForward = isForward
        self.position = position
    }

    // MARK: Of one stream

    /// `f/` or `b/`, 56 digits, and `/s`, as GetLogEvents has them.
    var text: String {
        let digits = Self.digits(of: position, origin: position.host)
        return "\(isForward ? "f" : "b")/\(digits)/s"
    }

    init(_ text: String, stream: String) throws(LogsError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "f" || parts[0] == "b", parts[2] == "s",
            let position = Self.position(parts[1], stream: stream)
        else { throw .invalidToken }
        self.init(isForward: parts[0] == "f", position: position)
    }

    // MARK: Of many streams

    /// The same with the stream's name behind it, for FilterLogEvents.
    var groupText: String { ListToken.text(text + position.stream) }

    init(groupText: String) throws(LogsError) {
        let text = try ListToken.last(groupText)
        let length = 2 + Self.timeDigits + Self.originDigits + Self.segmentDigits + Self.offsetDigits + 2
        try self.init(String(text.prefix(length)), stream: String(text.dropFirst(length)))
    }

    // MARK: Events

    /// An event's identifier in its group: 56 digits that sort by time.
    static func eventID(_ position: EventPosition) -> String {
        digits(of: position, origin: NameNumber.of(position.stream) ^ position.host)
    }

    private static func digits(of position: EventPosition, origin: UInt64) -> String {
        padded(UInt64(max(0, position.timestamp.milliseconds)), timeDigits) + padded(origin, originDigits)
            + padded(UInt64(position.segment), segmentDigits) + padded(UInt64(position.offset), offsetDigits)
    }

    private static func padded(_ number: UInt64, _ count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }

    private static func position(_ digits: Substring, stream: String) -> EventPosition? {
        guard digits.utf8.count == timeDigits + originDigits + segmentDigits + offsetDigits,
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let time = Int(digits.prefix(timeDigits)),
            let host = UInt64(digits.dropFirst(timeDigits).prefix(originDigits)),
            let segment = Int(digits.dropFirst(timeDigits + originDigits).prefix(segmentDigits)),
            let offset = Int(digits.suffix(offsetDigits))
        else { return nil }
        return EventPosition(
            timestamp: Timestamp(milliseconds: time),
            stream: stream,
            host: host,
            segment: segment,
            offset: offset
        )
    }
}
