import CZlib
import NIOCore

/// A message of AWS's event stream encoding, which frames what is streamed over HTTP.
///
/// A message is: its length and the length of its headers (32 bits each, most significant byte first), the CRC-32 of
/// these eight bytes, the headers, the payload, and the CRC-32 of all before. A header is the length of its name (8
/// bits), the name, its type (7: a string), the length of its value (16 bits) and the value.
/// Source: Smithy, "Amazon Event Stream Specification".
struct EventStreamMessage {
    /// Names and values, in order.
    let headers: [(name: String, value: String)]
    let payload: ByteBuffer

    /// The type of a header's value that is a string.
    private static let stringType: UInt8 = 7
    /// Two lengths and their checksum, and the checksum of the whole.
    private static let framingBytes = 16

    /// An event of an operation's output.
    init(event: String, contentType: String, payload: ByteBuffer) {
        headers = [(":event-type", event), (":content-type", contentType), (":message-type", "event")]
        self.payload = payload
    }

    /// Appends the encoded message.
    func write(to buffer: inout ByteBuffer) {
        let headersLength = headers.reduce(0) { $0 + 4 + $1.name.utf8.count + $1.value.utf8.count }
        let start = buffer.writerIndex
        buffer.reserveCapacity(minimumWritableBytes: Self.framingBytes + headersLength + payload.readableBytes)
        buffer.writeInteger(UInt32(Self.framingBytes + headersLength + payload.readableBytes))
        buffer.writeInteger(UInt32(headersLength))
        buffer.writeInteger(Self.checksum(of: buffer, from: start))
        for (name, value) in headers {
            buffer.writeInteger(UInt8(name.utf8.count))
            buffer.writeString(name)
            buffer.writeInteger(Self.stringType)
            buffer.writeInteger(UInt16(value.utf8.count))
            buffer.writeString(value)
        }
        buffer.writeImmutableBuffer(payload)
        buffer.writeInteger(Self.checksum(of: buffer, from: start))
    }

    private static func checksum(of buffer: ByteBuffer, from start: Int) -> UInt32 {
        let length = buffer.writerIndex - start
        return buffer.viewBytes(at: start, length: length)?.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return UInt32(truncatingIfNeeded: crc32_z(0, base, bytes.count))
        } ?? 0
    }
}
