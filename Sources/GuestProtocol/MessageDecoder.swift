/// Reads an agent's messages out of the bytes that come from its guest.
package struct GuestMessageDecoder: Sendable, Codable {
    private var frames = FrameDecoder()

    package init() {}

    package mutating func append(_ bytes: some Collection<UInt8>) {
        frames.append(bytes)
    }

    /// The next message; `nil` if more bytes are needed for it.
    package mutating func next() throws(ProtocolViolation) -> GuestMessage? {
        guard let frame = try frames.next() else { return nil }
        return try GuestMessage(frame)
    }
}

/// Reads a host's messages out of the bytes that come to its guest.
package struct HostMessageDecoder {
    private var frames = FrameDecoder()

    package init() {}

    package mutating func append(_ bytes: some Collection<UInt8>) {
        frames.append(bytes)
    }

    /// The next message; `nil` if more bytes are needed for it.
    package mutating func next() throws(ProtocolViolation) -> HostMessage? {
        guard let frame = try frames.next() else { return nil }
        return try HostMessage(frame)
    }
}
