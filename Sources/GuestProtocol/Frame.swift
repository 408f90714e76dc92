/// One unit of the link: a head of 16 bytes, then a body.
///
/// | Bytes | |
/// |---|---|
/// | 0 to 3 | length of the body |
/// | 4 to 7 | kind of the message |
/// | 8 to 15 | what it is about: a request's, a process's or a stream's number |
struct Frame: Hashable {
    static let headBytes = 16

    var kind: UInt32
    var subject: UInt64
    var body: ArraySlice<UInt8>

    init(kind: UInt32, subject: UInt64 = 0, body: ArraySlice<UInt8> = []) {
        self.kind = kind
        self.subject = subject
        self.body = body
    }

    /// Appends the frame's bytes.
    func write(to bytes: inout [UInt8]) {
        precondition(body.count <= GuestLink.bodyBytesMax, "a message of our own is too long")
        var head = WireWriter()
        head.write(UInt32(body.count))
        head.write(kind)
        head.write(subject)
        bytes.reserveCapacity(bytes.count + Self.headBytes + body.count)
        bytes.append(contentsOf: head.bytes)
        bytes.append(contentsOf: body)
    }
}

/// Cuts the bytes of a peer into frames. Holds at most one frame that is not complete.
struct FrameDecoder: Sendable, Codable {
    private var buffer: [UInt8] = []
    private var start = 0

    /// Takes in what was received.
    mutating func append(_ bytes: some Collection<UInt8>) {
        // What was read already is dropped only here: once for each piece received, not once for each frame.
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next frame; `nil` if more bytes are needed for it.
    mutating func next() throws(ProtocolViolation) -> Frame? {
        guard buffer.count - start >= Frame.headBytes else { return nil }
        var head = WireReader(buffer[start..<start + Frame.headBytes])
        let length = Int(try head.integer(UInt32.self))
        // Checked before the body has arrived: else a peer could announce four gigabytes and have us collect them.
        guard length <= GuestLink.bodyBytesMax else { throw ProtocolViolation("a frame of \(length) bytes") }
        let kind = try head.integer(UInt32.self)
        let subject = try head.integer(UInt64.self)
        let bodyStart = start + Frame.headBytes
        guard buffer.count - bodyStart >= length else { return nil }
        start = bodyStart + length
        return Frame(kind: kind, subject: subject, body: buffer[bodyStart..<start])
    }
}
