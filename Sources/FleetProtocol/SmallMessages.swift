import HostLink
package import NIOCore

/// A response begins that is sent as it comes.
package struct BeganMessage: Sendable, Equatable, WireValue {
    package var contentType: String?

    /// Begins a response.
    package init(contentType: String?) {
        self.contentType = contentType
    }

    package init(from buffer: inout ByteBuffer) throws {
        contentType = try buffer.readOptionalText()
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeOptional(contentType)
    }
}

// Messages that are a number.
extension ByteBuffer {
    /// The body of a `consumed`: the caller is rid of so much of a response.
    package static func consumed(bytes: Int) -> ByteBuffer { ByteBuffer(integer: UInt32(bytes)) }

    /// Reads the body of a `consumed`.
    package func consumedBytes() throws -> Int {
        guard let bytes = getInteger(at: readerIndex, as: UInt32.self) else { throw Self.cutShort }
        return Int(bytes)
    }

    /// The body of a `heartbeatAnswer`: which heartbeat has been heard.
    package static func heartbeatAnswer(_ number: UInt64) -> ByteBuffer { ByteBuffer(integer: number) }

    /// Reads the body of a `heartbeatAnswer`.
    package func heartbeatNumber() throws -> UInt64 {
        guard let number = getInteger(at: readerIndex, as: UInt64.self) else { throw Self.cutShort }
        return number
    }
}

extension Link {
    /// Sends a message of the fleet.
    package func send(_ kind: MessageKind, call: UInt32 = 0, _ body: ByteBuffer = ByteBuffer()) {
        send(kind.rawValue, call: call, body)
    }
}
