import LambdaAPI
import TestSupport
import Testing

struct JSONSyntaxTests {
    private func violation(in text: String) -> String? {
        violation(in: Array(text.utf8))
    }

    private func violation(in bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { buffer in
            do throws(JSONSyntax.Violation) {
                try JSONSyntax.check(buffer)
                return nil
            } catch {
                return error.message
            }
        }
    }

    @Test(arguments: [
        "{}", "[]", "null", "true", "false", "0", "-1.5e+10", "\"\"",
        " {\"a\" : [1, {\"b\":null}] , \"c\":\"\\u00e9\\n\"}\n",
        "\"ü€😀\"", "[[],[[]],{}]", "1E400",
    ])
    func validTextsAreAccepted(text: String) {
        #expect(violation(in: text) == nil)
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[1,", "[1,]", "{,}", "{\"a\":1,}",
        "{a:1}",
        "nul", "truex", "01", "1.", ".5", "1e", "-", "+1", "'a'", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\u{1}\"", "{} {}",
        "[1 2]",
        "{\"a\" 1}", "]", "[}", "{]",
    ])
    func invalidTextsAreRefused(text: String) {
        #expect(violation(in: text) != nil)
    }

    private static let source = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"

    @Test func violationsReadAsOnLambda() {
        #expect(
            violation(in: [0x99])
                == "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, "
                + "Object or token 'null', 'true' or 'false')\n at \(Self.source); line: 1, column: 1]"
        )
        #expect(
            violation(in: "\n{\"a\": hello}")
                == "Unrecognized token 'hello': was expecting (JSON String, Number, Array, Object or token 'null', "
                + "'true' or 'false')\n at \(Self.source); line: 2, column: 12]"
        )
    }

    /// The column is one behind the last byte that was read; the first is what Lambda says of `{"body` in base64.
    @Test(arguments: [
        ([0x6E, 0x87, 0x72], "Invalid UTF-8 start byte 0x87", 3),
        ([0x22, 0x87, 0x22], "Invalid UTF-8 start byte 0x87", 3),
        ([0x5B, 0x22, 0xE9, 0x22, 0x5D], "Invalid UTF-8 middle byte 0x22", 5),
    ])
    func malformedUTF8HasJacksonsPlace(bytes: [UInt8], message: String, column: Int) {
        #expect(violation(in: bytes) == "\(message)\n at \(Self.source); line: 1, column: \(column)]")
    }

    @Test(arguments: [
        [0x80], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3],
    ])
    func malformedUTF8IsRefused(sequence: [UInt8]) {
        #expect(violation(in: [0x22] + sequence + [0x22]) != nil)
    }

    @Test func nestingIsBounded() {
        let depth = JSONSyntax.nestingMax
        let allowed = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(violation(in: allowed) == nil)
        #expect(violation(in: "[" + allowed + "]") != nil)
        #expect(violation(in: String(repeating: "[", count: 6 << 20)) != nil)
    }

    /// A valid text is accepted however it is built, and every one of its prefixes is refused.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func randomTextsAreAcceptedAndTheirPrefixesRefused(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let text = Array("[\(Self.value(depth: 4, using: &random))]".utf8)
        #expect(violation(in: text) == nil)
        for length in 0..<text.count {
            #expect(violation(in: Array(text[..<length])) != nil)
        }
    }

    private static func value(depth: Int, using random: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
        case 0: return "null"
        case 1: return "true"
        case 2: return "\(Int.random(in: -1000...1000, using: &random))"
        case 3: return "\(Double.random(in: -1...1, using: &random))"
        case 4:
            return ["\"a\"", "\"\\\\\"", "\"é\"", "\"\\uD83D\\uDE00\"", "\" { [ , \""].randomElement(using: &random)
                ?? "0"
        case 5, 6:
            let items = (0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth: depth - 1, using: &random) }
            return "[\(items.joined(separator: " ,"))]"
        default:
            let members = (0..<Int.random(in: 0...3, using: &random)).map {
                "\"m\($0)\": \(value(depth: depth - 1, using: &random))"
            }
            return "{\(members.joined(separator: ","))}"
        }
    }
}
