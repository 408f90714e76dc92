import LambdaAPI
import TestSupport
import Testing

@Suite struct FunctionReferenceTests {
    static let locality = Locality(accountID: "123456789012", region: "us-east-1")

    struct Accepted: Sendable, CustomTestStringConvertible {
        let text: String
        var query: String?
        let name: String
        var qualifier: String?

        var testDescription: String { "\(text) with \(query ?? "no qualifier")" }
    }

    @Test(arguments: [
        Accepted(text: "hello", name: "hello"),
        Accepted(text: "he.l-l_o9", name: "he.l-l_o9"),
        Accepted(text: "hello:prod", name: "hello", qualifier: "prod"),
        Accepted(text: "hello:7", name: "hello", qualifier: "7"),
        Accepted(text: "hello:$LATEST", name: "hello", qualifier: "$LATEST"),
        Accepted(text: "hello:$LATEST.PUBLISHED", name: "hello", qualifier: "$LATEST.PUBLISHED"),
        Accepted(text: "hello", query: "$LATEST", name: "hello", qualifier: "$LATEST"),
        Accepted(text: "hello:prod", query: "prod", name: "hello", qualifier: "prod"),
        Accepted(text: "function:hello", name: "hello"),
        Accepted(text: "function:hello:prod", name: "hello", qualifier: "prod"),
        Accepted(text: "123456789012:function:hello", name: "hello"),
        Accepted(text: "123456789012:function:hello:3", name: "hello", qualifier: "3"),
        Accepted(text: "us-east-1:123456789012:function:hello", name: "hello"),
        Accepted(text: "arn:aws:lambda:us-east-1:123456789012:function:hello", name: "hello"),
        Accepted(
            text: "arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST",
            name: "hello",
            qualifier: "$LATEST"
        ),
        Accepted(text: "arn:aws:lambda:us-east-1:123456789012:function", name: "function"),
        Accepted(text: "arn:aws-us-gov:lambda:us-east-1:123456789012:function:hello", name: "hello"),
        Accepted(text: "function", name: "function"),
        Accepted(text: "function:$LATEST", name: "function", qualifier: "$LATEST"),
        Accepted(text: "123456789012", name: "123456789012"),
        Accepted(text: "us-west-2:$LATEST", name: "us-west-2", qualifier: "$LATEST"),
        Accepted(text: "arn:prod", name: "arn", qualifier: "prod"),
        Accepted(text: String(repeating: "n", count: 64), name: String(repeating: "n", count: 64)),
    ])
    func acceptsEveryForm(_ accepted: Accepted) throws {
        let reference = try FunctionReference(accepted.text, qualifier: accepted.query, in: Self.locality)
        #expect(reference.name.rawValue == accepted.name)
        #expect(reference.qualifier?.rawValue == accepted.qualifier)
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        let text: String
        var query: String?
        let code: String
        let message: String?

        var testDescription: String { "\(text) with \(query ?? "no qualifier")" }
    }

    private static let pattern =
        #"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"#
        + #"(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"#

    private static func malformed(_ text: String) -> Refused {
        Refused(
            text: text,
            code: "ValidationException",
            message: "1 validation error detected: Value '\(text)' at 'functionName' failed to satisfy constraint: "
                + "Member must satisfy regular expression pattern: \(pattern)"
        )
    }

    @Test(arguments: [
        malformed("a b"), malformed("hello:"), malformed("hello:a:b"), malformed("hello:$latest"), malformed("hé"),
        malformed("arn:aws:s3:us-east-1:123456789012:function:hello"), malformed("../etc/passwd"), malformed(":"),
        malformed("arn:aws:lambda:us-east-1:12345678901:function:hello"),
        Refused(
            text: String(repeating: "a", count: 65),
            code: "InvalidParameterValueException",
            message:
                "1 validation error detected: Value '\(String(repeating: "a", count: 65))' at 'functionName' failed "
                + "to satisfy constraint: Member must have length less than or equal to 64"
        ),
        Refused(
            text: "hello:one",
            query: "two",
            code: "InvalidParameterValueException",
            message: "The derived qualifier from the function name does not match the specified qualifier."
        ),
        Refused(
            text: "arn:aws:lambda:eu-west-1:123456789012:function:hello",
            code: "ResourceNotFoundException",
            message: "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
        ),
        Refused(
            text: "arn:aws:lambda:us-gov-west-1:999999999999:function:hello",
            code: "ResourceNotFoundException",
            message: "Functions from 'us-gov-west-1' are not reachable in this region ('us-east-1')"
        ),
        Refused(
            text: "arn:aws:lambda:us-east-1:999999999999:function:hello",
            code: "AccessDeniedException",
            message: nil
        ),
        Refused(
            text: "hello",
            query: "a b",
            code: "ValidationException",
            message: "1 validation error detected: Value 'a b' at 'qualifier' failed to satisfy constraint: "
                + #"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"#
        ),
    ])
    func refusesWithTheTextOfAWS(_ refused: Refused) {
        let error = #expect(throws: LambdaError.self) {
            try FunctionReference(refused.text, qualifier: refused.query, in: Self.locality)
        }
        #expect(error?.code.name == refused.code)
        #expect(error?.message == refused.message)
    }

    @Test func emptyPartsBreakLengthAndPattern() {
        let error = #expect(throws: LambdaError.self) {
            try FunctionReference("", qualifier: "", in: Self.locality)
        }
        #expect(error?.message?.hasPrefix("4 validation errors detected: Value '' at 'functionName' failed") == true)
    }

    @Test func partsThatAreOnlyTooLongBreakTheLengthAlone() {
        let error = #expect(throws: LambdaError.self) {
            try FunctionReference(
                String(repeating: "n", count: 257),
                qualifier: String(repeating: "q", count: 129),
                in: Self.locality
            )
        }
        #expect(error?.message?.hasPrefix("2 validation errors detected: Value 'nnn") == true)
        #expect(error?.message?.contains("Member must have length less than or equal to 256; Value 'qqq") == true)
        #expect(error?.message?.hasSuffix("Member must have length less than or equal to 128") == true)
    }

    @Test func tellsTheARNAsTheCallerQualifiedIt() throws {
        let plain = try FunctionReference("hello", in: Self.locality)
        let latest = try FunctionReference("hello", qualifier: "$LATEST", in: Self.locality)
        #expect(plain.arn(in: Self.locality) == "arn:aws:lambda:us-east-1:123456789012:function:hello")
        #expect(latest.arn(in: Self.locality) == "arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST")
    }

    /// The scanner must accept exactly what the pattern that AWS quotes accepts.
    @Test func agreesWithThePatternOnRandomReferences() {
        let seed: UInt64 = 20_241_123
        var generator = SeededGenerator(seed: seed)
        let pattern = Pattern(Self.pattern)
        let pieces = [
            "arn:", "aws:", "aws-cn:", "lambda:", "us-east-1:", "us-gov-west-1:", "eusc-de-east-1:", "123456789012:",
            "function:", "function", "hello", "$LATEST", "$LATEST.PUBLISHED", ":", "a.b", "-", "us-iso-east-1:", " ",
        ]
        var accepted = 0
        for _ in 0..<3000 {
            let count = Int.random(in: 1...6, using: &generator)
            let text = (0..<count).compactMap { _ in pieces.randomElement(using: &generator) }.joined()
            let isRead: Bool
            do {
                _ = try FunctionReference(text, in: Self.locality)
                isRead = true
            } catch {
                isRead = error.code != .validation
            }
            accepted += isRead ? 1 : 0
            #expect(isRead == pattern.matches(text), "\(text), seed \(seed)")
        }
        #expect(accepted > 300)
    }
}
