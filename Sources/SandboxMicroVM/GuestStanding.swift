import GuestProtocol

/// Where the conversation with a guest stands at a moment at which nothing is under way: what goes on with each copy of it.
struct GuestStanding: Sendable, Codable {
    /// The streams of one process.
    struct ProcessStreams: Hashable, Sendable, Codable {
        let output: StreamNumber
        let channel: StreamNumber?
    }

    let session: GuestSession
    /// What of a message has come, if the guest was stopped in the middle of one.
    let decoder: GuestMessageDecoder
    let processes: [RequestNumber: ProcessStreams]
    /// The function's connections to the Runtime API, with what was asked over each and is not answered: it is asked again for
    /// each copy.
    let connections: [StreamNumber: [UInt8]]
}

/// What a function has sent over its connections to the Runtime API since it was told something there: of a client that awaits
/// an answer before it asks again, its question. Pure.
struct UnansweredBytes {
    /// The most that is kept of a connection. Who asks for the next event says less.
    static let bytesMax = 64 << 10

    /// By connection; of one over which too much was sent, nil.
    private var bytes: [StreamNumber: [UInt8]?] = [:]

    mutating func opened(_ connection: StreamNumber) {
        bytes[connection] = .some([])
    }

    mutating func received(_ piece: some Collection<UInt8>, on connection: StreamNumber) {
        guard case .some(.some(let earlier)) = bytes[connection] else { return }
        bytes[connection] = .some(earlier.count + piece.count <= Self.bytesMax ? earlier + piece : nil)
    }

    mutating func answered(on connection: StreamNumber) {
        if bytes[connection] != nil { bytes[connection] = .some([]) }
    }

    /// What is unanswered on these connections; nil if it was too much on one of them.
    func onConnections(where isOpen: (StreamNumber) -> Bool) -> [StreamNumber: [UInt8]]? {
        var open: [StreamNumber: [UInt8]] = [:]
        for (connection, bytes) in bytes where isOpen(connection) {
            guard let bytes else { return nil }
            open[connection] = bytes
        }
        return open
    }
}
