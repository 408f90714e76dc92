package import NIOCore

/// One message between two hosts: what it is about, which call it belongs to, and its body.
///
/// On the wire: the length of all that follows as 4 bytes, the kind as one, the call as 4, the body; numbers are big-endian.
package struct LinkFrame: Sendable, Equatable {
    /// What kind of message it is. Each protocol has its own kinds, from ``firstKind`` on; the link's own are below.
    package var kind: UInt8
    /// The exchange that it belongs to; 0 for a message that stands alone.
    package var call: UInt32
    /// What it says.
    package var body: ByteBuffer

    /// A message.
    package init(kind: UInt8, call: UInt32, body: ByteBuffer) {
        self.kind = kind
        self.call = call
        self.body = body
    }

    /// The first kind that protocols may use.
    package static let firstKind: UInt8 = 8

    /// The longest body, in bytes: an event of 6 MiB and what belongs to it.
    package static let bodyMax = 8 << 20

    /// What is in front of a body, the length's 4 bytes included.
    static let overhead = 9

    /// Writes the frame. A body that is larger than this is left out, to be written behind it without being copied.
    ///
    /// - Returns: The body, if it is left out.
    func write(to buffer: inout ByteBuffer, copyingUpTo sizeMax: Int) -> ByteBuffer? {
        buffer.writeInteger(UInt32(body.readableBytes + Self.overhead - 4))
        buffer.writeInteger(kind)
        buffer.writeInteger(call)
        guard body.readableBytes <= sizeMax else { return body }
        buffer.writeImmutableBuffer(body)
        return nil
    }

    /// Takes the next whole frame out of what has come.
    ///
    /// - Returns: Nil if more must come first.
    /// - Throws: ``LinkError`` with `.malformed` if what has come cannot be a frame.
    static func read(from buffer: inout ByteBuffer) throws(LinkError) -> LinkFrame? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard length >= overhead - 4, length <= bodyMax + overhead - 4 else {
            throw LinkError(.malformed, "a message claims to have \(length) bytes")
        }
        guard buffer.readableBytes >= 4 + Int(length),
            let (_, kind, call) = buffer.readMultipleIntegers(as: (UInt32, UInt8, UInt32).self),
            let body = buffer.readSlice(length: Int(length) + 4 - overhead)
        else { return nil }
        return LinkFrame(kind: kind, call: call, body: body)
    }
}
