import LambdaAPI
import NIOCore

/// JSON without the white space between its tokens.
enum CompactJSON {
    /// The same JSON, token by token: no number and no string is written anew, so none can change. Nil when the bytes are
    /// no JSON.
    static func compact(_ json: ByteBuffer) -> ByteBuffer? {
        json.withUnsafeReadableBytes { bytes in
            do throws(JSONSyntax.Violation) {
                try JSONSyntax.check(bytes)
            } catch {
                return nil
            }
            guard bytes.contains(where: isSpace) else { return json }
            var compact = ByteBuffer()
            compact.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count) { copyTokens(of: bytes, to: $0) }
            return compact
        }
    }

    /// Returns how many bytes it has written.
    private static func copyTokens(of json: UnsafeRawBufferPointer, to compact: UnsafeMutableRawBufferPointer) -> Int {
        var count = 0
        var isInString = false
        var isEscaped = false
        for byte in json {
            if !isInString, isSpace(byte) { continue }
            compact[count] = byte
            count += 1
            if isEscaped {
                isEscaped = false
            } else if isInString, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString.toggle()
            }
        }
        return count
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
}
