import NIOCore
import Testing

@testable import Frontend

struct EventStreamMessageTests {
    @Test func messageIsEncodedByteForByte() {
        var buffer = ByteBuffer()
        EventStreamMessage(event: "E", contentType: "a/b", payload: ByteBuffer(string: "hi")).write(to: &buffer)
        let headers = header(":event-type", "E") + header(":content-type", "a/b") + header(":message-type", "event")
        let prelude = bigEndian(UInt32(16 + headers.count + 2)) + bigEndian(UInt32(headers.count))
        let message = prelude + bigEndian(checksum(prelude)) + headers + Array("hi".utf8)
        #expect(Array(buffer: buffer) == message + bigEndian(checksum(message)))
    }

    @Test func messagesFollowEachOtherInOneBuffer() {
        var buffer = ByteBuffer()
        for text in ["one", "two"] {
            EventStreamMessage(event: "E", contentType: "a/b", payload: ByteBuffer(string: text)).write(to: &buffer)
        }
        let length = Int(buffer.getInteger(at: 0, as: UInt32.self) ?? 0)
        #expect(buffer.readableBytes == 2 * length)
        let second = Array(buffer.readableBytesView.suffix(length))
        #expect(second.dropLast(4).suffix(3).elementsEqual("two".utf8))
        #expect(bigEndian(checksum(Array(second.dropLast(4)))) == Array(second.suffix(4)))
    }

    private func header(_ name: String, _ value: String) -> [UInt8] {
        [UInt8(name.utf8.count)] + Array(name.utf8) + [7, 0, UInt8(value.utf8.count)] + Array(value.utf8)
    }

    private func bigEndian(_ value: UInt32) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    /// CRC-32 (IEEE 802.3) bit by bit, from its definition.
    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : (crc >> 1) ^ 0xedb8_8320 }
        }
        return ~crc
    }
}
