import LambdaAPI
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import FunctionURL

struct StreamedURLResponseTests {
    private static let zeros = String(repeating: "\0", count: 8)

    /// The head and the whole body that come of some chunks; nil if they are refused.
    private func outcome(of chunks: [[UInt8]], contentType: String?) -> (FunctionURLResponseHead, [UInt8])? {
        var stream = StreamedURLResponse(contentType: contentType)
        var head: FunctionURLResponseHead?
        var body: [UInt8] = []
        var isRefused = false
        for action in chunks.map({ stream.received(ByteBuffer(bytes: $0)) }) + [stream.ended()] {
            switch action {
            case .none: break
            case .begin(let begun, let bytes):
                #expect(head == nil && !isRefused)
                head = begun
                body += Array(buffer: bytes)
            case .send(let bytes):
                #expect(head != nil)
                body += Array(buffer: bytes)
            case .refuse:
                #expect(head == nil && !isRefused)
                isRefused = true
            }
        }
        return head.map { ($0, body) }
    }

    @Test(
        arguments: [
            (nil, "application/octet-stream"), ("text/html; charset=utf-8", "text/html; charset=utf-8"),
            ("text/html\r\nX: y", "application/octet-stream"),
        ] as [(String?, String)]
    )
    func responseWithoutPreludeIsItsBody(declared: String?, sent: String) throws {
        let (head, body) = try #require(
            outcome(of: [Array("{\"statusCode\":500}".utf8), [0, 0]], contentType: declared)
        )
        #expect(head == FunctionURLResponseHead(status: .ok, headers: ["Content-Type": sent]))
        #expect(body == Array("{\"statusCode\":500}\0\0".utf8))
    }

    @Test func emptyResponseHasAHead() throws {
        #expect(try #require(outcome(of: [], contentType: nil)).0.status == .ok)
        #expect(outcome(of: [], contentType: StreamedURLResponse.contentType) == nil)
    }

    @Test func preludeIsReadWhereverItIsSplit() throws {
        let prelude =
            #"{"statusCode":201,"headers":{"Content-Type":"text/html","Content-Length":"3"},"cookies":["a=1","b=2"]}"#
        let bytes = Array((prelude + Self.zeros + "\0body").utf8)
        let type = StreamedURLResponse.contentType
        let expected = FunctionURLResponseHead(
            status: .created,
            headers: ["Content-Type": "text/html", "Set-Cookie": "a=1", "set-cookie": "b=2"]
        )
        var splits = bytes.indices.map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
        splits.append(bytes.map { [$0] })
        for chunks in splits {
            let (head, body) = try #require(outcome(of: chunks, contentType: type))
            #expect(head == expected)
            #expect(body == Array("\0body".utf8))
        }
    }

    @Test func preludeMayBeEmptyAndItsTypeHaveParameters() throws {
        let type = "Application/Vnd.awslambda.http-integration-response; x=y"
        let (head, body) = try #require(outcome(of: [Array("{}\(Self.zeros)".utf8)], contentType: type))
        #expect(head == FunctionURLResponseHead(status: .ok, headers: ["Content-Type": "application/octet-stream"]))
        #expect(body.isEmpty)
    }

    @Test(
        arguments: [
            "", "{}", "{}\0\0\0\0\0\0\0", "{}\0\0\0\0\0\0\0x", "\(Self.zeros)", "[]\(Self.zeros)", "{\(Self.zeros)",
            "{\"statusCode\":100}\(Self.zeros)", "{\"headers\":{\"a\":\"\\r\\n\"}}\(Self.zeros)",
            "{\"cookies\":1}\(Self.zeros)",
        ]
    )
    func malformedPreludeIsRefusedOnce(text: String) {
        let type = StreamedURLResponse.contentType
        let bytes = Array(text.utf8)
        #expect(outcome(of: [bytes], contentType: type) == nil)
        #expect(outcome(of: bytes.map { [$0] }, contentType: type) == nil)
    }

    @Test func preludeHasABound() {
        var stream = StreamedURLResponse(contentType: StreamedURLResponse.contentType)
        let chunk = ByteBuffer(repeating: 0x20, count: 1 << 10)
        for _ in 0..<StreamedURLResponse.preludeSizeMax.bytes >> 10 {
            #expect(stream.received(chunk) == .none)
        }
        #expect(stream.received(chunk) == .refuse)
        #expect(stream.received(chunk) == .none)
        #expect(stream.ended() == .none)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func howAResponseIsSplitNeverMatters(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let pieces = ["{", "}", "{}", "\"statusCode\":", "200", "\0", Self.zeros, "body", "\"", "é", ","]
        let bytes = Array(generator.text(of: pieces, countMax: 10).utf8) + generator.bytes(countMax: 5)
        let type = Bool.random(using: &generator) ? StreamedURLResponse.contentType : nil
        var chunks: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...rest.count, using: &generator)
            chunks.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        let whole = outcome(of: [bytes], contentType: type)
        let split = outcome(of: chunks, contentType: type)
        #expect(whole?.0 == split?.0)
        #expect(whole?.1 == split?.1)
    }
}
