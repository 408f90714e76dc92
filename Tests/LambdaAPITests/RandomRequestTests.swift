import LambdaAPI
import TestSupport
import Testing

/// Claims every operation and writes none, so that a request goes as far as its typed value and no further.
private struct ReadOnlyService: LambdaOperations {
    static let implementedOperations = Set(Operation.allCases)
}

@Suite struct RandomRequestTests {
    /// What the tables let pass must fit the types, and nothing that a client sends may look like a failure of ours.
    @Test(arguments: Operation.allCases)
    func everyRequestIsReadOrRefusedAsTheClientsFault(_ operation: Operation) async {
        let seed = operation.rawValue.utf8.reduce(99 as UInt64) { $0 &* 31 &+ UInt64($1) }
        var generator = RandomRequest(seed: seed)
        var readCount = 0
        for _ in 0..<40 {
            let input = generator.input(for: operation)
            do {
                _ = try await dispatch(operation, input, to: ReadOnlyService())
                Issue.record("nothing is implemented")
            } catch {
                let allowed: [LambdaError.Code] = [.notImplemented, .validation, .serialization]
                #expect(allowed.contains(error.code), "\(error), seed \(seed)")
                readCount += error.code == .notImplemented ? 1 : 0
            }
        }
        #expect(readCount > 0, "no random request was good, seed \(seed)")
    }
}

/// Makes requests of an operation's shape: most members good, some missing, null, out of bounds or of a wrong type.
private struct RandomRequest {
    private var generator: SeededGenerator
    /// How likely a value is a bad one; every other request has none.
    private var badness = 0.0
    private var isFirst = true

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func input(for operation: Operation) -> OperationInput {
        badness = badness == 0 && !isFirst ? 0.1 : 0
        isFirst = false
        var input = OperationInput()
        var body = JSONWriter()
        guard case .structure(let members) = operation.requestShape.kind else { return input }
        body.object { body in
            for member in members where member.isRequired || chance(0.7) {
                switch member.location {
                case .path: input.pathParameters[member.name] = text(of: member.shape)
                case .query(let name): input.query.append((name, text(of: member.shape)))
                case .header(let name): input.headers.append((name, text(of: member.shape)))
                case .body: body.member(member.name, value(of: member.shape))
                case .payload: input.body = JSONWriter.bytes(of: value(of: member.shape))
                }
            }
        }
        if input.body.isEmpty { input.body = body.bytes }
        return input
    }

    private mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &generator) < probability
    }

    private mutating func value(of shape: Shape) -> RandomValue {
        if chance(badness) {
            let bad: [RandomValue] = [
                .literal("null"), .literal("true"), .literal("-7"), .literal("1e30"), .text(""), .list([]),
                .object([:]),
            ]
            return bad.randomElement(using: &generator) ?? .literal("null")
        }
        switch shape.kind {
        case .string: return .text(text(of: shape))
        case .blob: return .text("UEs=")
        case .boolean, .integer, .double, .timestamp: return .literal(text(of: shape))
        case .list(let element, let length):
            return .list((0..<max(1, length.min ?? 1)).map { _ in value(of: element) })
        case .map(let keys, let values, _): return .object([text(of: keys): value(of: values)])
        case .structure(let members):
            var object: [String: RandomValue] = [:]
            for member in members where member.isRequired || chance(0.7) {
                object[member.name] = value(of: member.shape)
            }
            return .object(object)
        }
    }

    /// The written-out form of a good value, as it stands in a path or a query.
    private func text(of shape: Shape) -> String {
        switch shape.kind {
        case .string(let length, let pattern, let values):
            if let first = values.first { return first }
            let candidates = Self.samples + [String(repeating: "a", count: length.min ?? 1)]
            return candidates.first { candidate in
                candidate.count >= length.min ?? 0 && candidate.count <= length.max ?? .max
                    && pattern?.matches(candidate) ?? true
            } ?? ""
        case .boolean: return "true"
        case .integer(let range, _): return String(range.min ?? range.max ?? 1)
        case .double(let range): return String(range.min ?? range.max ?? 1)
        case .timestamp: return "1700000000"
        case .list(let element, _): return text(of: element)
        case .blob, .map, .structure: return ""
        }
    }

    /// Strings of the kinds that the model's patterns ask for.
    private static let samples = [
        "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/i", "lambda:GetLayerVersion",
        "arn:aws:lambda:us-east-1:000000000000:function:f", "arn:aws:iam::000000000000:role/r",
        "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0",
        "arn:aws:lambda:us-east-1:000000000000:capacity-provider:c",
        "arn:aws:lambda:us-east-1:000000000000:layer:l:1", "arn:aws:lambda:us-east-1:000000000000:layer:l",
        "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
        "arn:aws:lambda:us-east-1::runtime:0", "arn:aws:sqs:us-east-1:000000000000:q", "f", "1", "$LATEST",
        "/mnt/m", "o-0123456789", "000000000000", "host.example:9092", "$LATEST.PUBLISHED", "ab", "UEs=", "subnet-0",
        "sg-0",
    ]
}

/// JSON of any shape, right or wrong.
private indirect enum RandomValue: JSONEncodable {
    case literal(String)
    case text(String)
    case list([RandomValue])
    case object([String: RandomValue])

    func encode(to writer: inout JSONWriter) {
        switch self {
        case .literal(let json): writer.verbatim(json)
        case .text(let text): writer.string(text)
        case .list(let elements): elements.encode(to: &writer)
        case .object(let members): members.encode(to: &writer)
        }
    }
}
