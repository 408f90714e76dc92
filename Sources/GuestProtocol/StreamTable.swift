/// The streams of one end of a link: which live, who may still send, and how much.
///
/// Holds no bytes. A sender takes from its source no more than ``sendable(_:)``, so that nothing piles up on the way; a
/// receiver gives credit as it passes bytes on, so that it never holds more than ``GuestLink/windowBytes`` of a stream.
///
/// Each direction of a stream goes from open to ended once. A stream whose directions have both ended is forgotten, and
/// so is one that was reset. What comes for it afterwards was under way and is passed over.
package struct StreamTable: Codable {
    private struct Stream: Codable {
        /// Whether this end may still send.
        var isSending: Bool
        /// Whether the peer may still send.
        var isReceiving: Bool
        /// How many bytes this end may send.
        var sendable = GuestLink.windowBytes
        /// How many bytes the peer may send.
        var receivable = GuestLink.windowBytes
        /// Bytes passed on that the peer has had no credit for yet.
        var uncredited = 0
    }

    private let end: LinkEnd
    private var streams: [StreamNumber: Stream] = [:]
    /// The next number of this end, and the least that the peer may use next.
    private var nextOwn: UInt64
    private var nextOfPeer: UInt64

    package init(end: LinkEnd) {
        self.end = end
        nextOwn = end == .host ? 2 : 1
        nextOfPeer = end == .host ? 1 : 2
    }

    package var count: Int { streams.count }

    /// Whether the stream lives.
    package func contains(_ number: StreamNumber) -> Bool { streams[number] != nil }

    /// Whether everything that was received has been passed on.
    package var isEverythingPassedOn: Bool {
        streams.values.allSatisfy { !$0.isReceiving || $0.receivable + $0.uncredited == GuestLink.windowBytes }
    }

    /// Which way bytes go, as this end sees it.
    package enum Direction: Sendable, CaseIterable {
        case both
        case sending
        case receiving
    }

    // MARK: This end

    /// Opens a stream; `nil` if there are too many.
    package mutating func open(_ direction: Direction = .both) -> StreamNumber? {
        guard streams.count < GuestLink.streamsMax else { return nil }
        let number = StreamNumber(rawValue: nextOwn)
        nextOwn += 2
        streams[number] = Stream(isSending: direction != .receiving, isReceiving: direction != .sending)
        return number
    }

    /// How many bytes may be sent at once: 0 if none, or if the stream has ended.
    package func sendable(_ number: StreamNumber) -> Int {
        guard let stream = streams[number], stream.isSending else { return 0 }
        return min(stream.sendable, GuestLink.chunkBytesMax)
    }

    /// Bytes are on their way; not more than ``sendable(_:)``.
    package mutating func sent(_ count: Int, on number: StreamNumber) {
        guard var stream = streams[number], stream.isSending else { return }
        precondition(count <= stream.sendable, "more was sent than there is credit for")
        stream.sendable -= count
        streams[number] = stream
    }

    /// This end has no more to send. Returns whether to say so to the peer.
    package mutating func ended(_ number: StreamNumber) -> Bool {
        guard var stream = streams[number], stream.isSending else { return false }
        stream.isSending = false
        keep(stream, as: number)
        return true
    }

    /// This end gives the stream up. Returns whether to say so to the peer.
    package mutating func gaveUp(_ number: StreamNumber) -> Bool {
        streams.removeValue(forKey: number) != nil
    }

    /// Received bytes were passed on. Returns the credit to give to the peer, if it is time for any: not for each piece, for
    /// then there would be as many frames in one direction as in the other.
    package mutating func passedOn(_ count: Int, of number: StreamNumber) -> UInt32? {
        guard var stream = streams[number], stream.isReceiving else { return nil }
        stream.uncredited += count
        precondition(stream.uncredited + stream.receivable <= GuestLink.windowBytes, "more was passed on than received")
        defer { streams[number] = stream }
        guard stream.uncredited >= GuestLink.windowBytes / 2 else { return nil }
        defer { stream.uncredited = 0 }
        stream.receivable += stream.uncredited
        return UInt32(stream.uncredited)
    }

    // MARK: The peer

    /// What a message of the peer's about a stream comes to.
    package enum ReceivedAction: Hashable, Sendable {
        /// A stream of the peer's: connect it, or give it up.
        case connect(port: UInt16)
        /// A stream of the peer's, but there are too many: tell the peer that it was reset.
        case refuse
        case deliver(ArraySlice<UInt8>)
        /// Nothing follows from the peer.
        case deliverEnd
        /// The stream is gone.
        case deliverReset
        /// More can be sent.
        case resume
        /// The stream has ended already.
        case none
    }

    package mutating func received(
        _ message: StreamMessage,
        on number: StreamNumber
    ) throws(ProtocolViolation) -> ReceivedAction {
        if case .open(let port) = message {
            return try accept(number) ? .connect(port: port) : .refuse
        }
        guard var stream = streams[number] else {
            guard wasUsed(number) else { throw ProtocolViolation("stream \(number.rawValue), which was never opened") }
            return .none
        }
        switch message {
        case .open:
            return .none
        case .data(let bytes):
            guard stream.isReceiving else {
                throw ProtocolViolation("data after the end of stream \(number.rawValue)")
            }
            guard bytes.count <= stream.receivable else {
                throw ProtocolViolation("\(bytes.count) bytes on a stream that has \(stream.receivable) left")
            }
            stream.receivable -= bytes.count
            streams[number] = stream
            return .deliver(bytes)
        case .end:
            guard stream.isReceiving else { throw ProtocolViolation("a second end of stream \(number.rawValue)") }
            stream.isReceiving = false
            keep(stream, as: number)
            return .deliverEnd
        case .reset:
            streams[number] = nil
            return .deliverReset
        case .credit(let bytes):
            // Also after the end of sending: it was under way.
            guard Int(bytes) <= GuestLink.windowBytes - stream.sendable else {
                throw ProtocolViolation("credit of \(bytes) bytes for \(GuestLink.windowBytes - stream.sendable) sent")
            }
            stream.sendable += Int(bytes)
            streams[number] = stream
            return stream.isSending && bytes > 0 ? .resume : .none
        }
    }

    /// A stream that the peer has numbered, by a message of another kind.
    package mutating func adopt(_ number: StreamNumber, _ direction: Direction) throws(ProtocolViolation) -> Bool {
        guard try accept(number) else { return false }
        streams[number] = Stream(isSending: direction != .receiving, isReceiving: direction != .sending)
        return true
    }

    /// A stream that the peer has numbered is not to be: what comes for it is passed over.
    package mutating func skip(_ number: StreamNumber) throws(ProtocolViolation) {
        if try accept(number) { streams[number] = nil }
    }

    private mutating func accept(_ number: StreamNumber) throws(ProtocolViolation) -> Bool {
        guard number.opener == end.peer, number.rawValue >= nextOfPeer, number.rawValue < .max - 2 else {
            throw ProtocolViolation("stream \(number.rawValue) where \(nextOfPeer) is next")
        }
        nextOfPeer = number.rawValue + 2
        guard streams.count < GuestLink.streamsMax else { return false }
        streams[number] = Stream(isSending: true, isReceiving: true)
        return true
    }

    private func wasUsed(_ number: StreamNumber) -> Bool {
        number.rawValue != 0 && number.rawValue < (number.opener == end ? nextOwn : nextOfPeer)
    }

    private mutating func keep(_ stream: Stream, as number: StreamNumber) {
        streams[number] = stream.isSending || stream.isReceiving ? stream : nil
    }
}
