import Crypto
import LambdaAPI

/// The one place where names of groups and streams become names of files, and nothing but names: no directory is ever
/// left, and no two names share a file.
///
/// A slash becomes a colon, which no name can hold, so that a listing stays readable: `:aws:lambda:hello`. What a file
/// name should not have is written as `%` and two hexadecimal digits. Names too long for a file end in their hash; the
/// file's own first line has the name in full.
enum FileName {
    /// The longest result, in bytes; Linux takes 255, and streams add a number and a suffix.
    static let lengthMax = 200
    private static let keptLength = 100

    static func encode(_ name: String) -> String {
        var encoded: [UInt8] = []
        for (index, byte) in name.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "/"): encoded.append(UInt8(ascii: ":"))
            case 0..<0x20, 0x7F, UInt8(ascii: "%"), UInt8(ascii: ":"): append(byte, to: &encoded)
            // Neither `.` nor `..`, nor hidden, nor taken for a name of the store's own.
            case UInt8(ascii: ".") where index == 0: append(byte, to: &encoded)
            default: encoded.append(byte)
            }
        }
        guard encoded.count > lengthMax else { return String(decoding: encoded, as: UTF8.self) }
        let hash = SHA256.hash(data: Array(name.utf8)).hexadecimalText
        // No escape has a plus after its percent sign.
        return String(decoding: encoded.prefix(keptLength), as: UTF8.self) + "%+" + hash
    }

    /// The file of one segment of a stream: the stream's name, a number of at least six digits, a suffix.
    static func segment(_ id: Int, of stream: String) -> String {
        let digits = String(id)
        return "\(encode(stream)).\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)\(suffix)"
    }

    /// The number in a segment's file name; nil for any other file.
    static func segmentID(of file: String) -> Int? {
        guard file.hasSuffix(suffix) else { return nil }
        let stem = file.dropLast(suffix.count)
        guard let point = stem.lastIndex(of: "."), point > stem.startIndex else { return nil }
        let digits = stem[stem.index(after: point)...]
        guard digits.utf8.count >= 6, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(digits)
    }

    private static let suffix = ".log"

    private static func append(_ byte: UInt8, to encoded: inout [UInt8]) {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(contentsOf: [byte].hexadecimalText.utf8)
    }
}
