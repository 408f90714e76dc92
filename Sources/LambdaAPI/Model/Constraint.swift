/// One constraint of a shape that has no members of its own: when a value breaks it, and AWS's words for it.
enum Constraint: CustomStringConvertible {
    case lengthMax(Int)
    case lengthMin(Int)
    case integerMax(Int)
    case integerMin(Int)
    case doubleMax(Double)
    case doubleMin(Double)
    case pattern(Pattern, lengthMax: Int?)
    case values([String])

    static let notNull = "Member must not be null"

    /// A shape's constraints in the order in which AWS lists them.
    static func list(of shape: Shape) -> [Constraint] {
        switch shape.kind {
        case .string(let length, let pattern, let values):
            let matching: [Constraint] = pattern.map { [.pattern($0, lengthMax: length.max)] } ?? []
            return lengths(length) + matching + (values.isEmpty ? [] : [.values(values)])
        case .blob(let length), .list(_, let length), .map(_, _, let length):
            return lengths(length)
        case .integer(let range, _):
            return (range.max.map { [.integerMax($0)] } ?? []) + (range.min.map { [.integerMin($0)] } ?? [])
        case .double(let range):
            return (range.max.map { [.doubleMax($0)] } ?? []) + (range.min.map { [.doubleMin($0)] } ?? [])
        case .boolean, .timestamp, .structure:
            return []
        }
    }

    private static func lengths(_ length: Shape.Bounds<Int>) -> [Constraint] {
        (length.max.map { [.lengthMax($0)] } ?? []) + (length.min.map { [.lengthMin($0)] } ?? [])
    }

    /// All that an element of a list or map must satisfy: AWS names every constraint, not only the broken one.
    static func all(of shape: Shape) -> String {
        var texts = list(of: shape).map(\.description)
        if case .list(let element, _) = shape.kind {
            texts.append("Member must satisfy constraint: \(all(of: element))")
        }
        return "[\((texts + [notNull]).joined(separator: ", "))]"
    }

    /// Whether an element breaks anything that ``all(of:)`` names.
    static func isViolated(by value: JSONValue, of shape: Shape) -> Bool {
        if case .null = value { return true }
        if case .list(let element, _) = shape.kind, case .array(let elements) = value,
            elements.contains(where: { isViolated(by: $0, of: element) })
        {
            return true
        }
        return list(of: shape).contains { $0.isViolated(by: value) }
    }

    func isViolated(by value: JSONValue) -> Bool {
        switch self {
        case .lengthMax(let max): Self.length(of: value) > max
        case .lengthMin(let min): Self.length(of: value) < min
        case .integerMax(let max): Self.number(value) > Double(max)
        case .integerMin(let min): Self.number(value) < Double(min)
        case .doubleMax(let max): Self.number(value) > max
        case .doubleMin(let min): Self.number(value) < min
        case .pattern(let pattern, let lengthMax): Self.breaks(value, pattern, lengthMax: lengthMax)
        case .values(let values): !values.contains(Self.text(value))
        }
    }

    var description: String {
        switch self {
        case .lengthMax(let max): "Member must have length less than or equal to \(max)"
        case .lengthMin(let min): "Member must have length greater than or equal to \(min)"
        case .integerMax(let max): "Member must have value less than or equal to \(max)"
        case .integerMin(let min): "Member must have value greater than or equal to \(min)"
        case .doubleMax(let max): "Member must have value less than or equal to \(max)"
        case .doubleMin(let min): "Member must have value greater than or equal to \(min)"
        case .pattern(let pattern, _): "Member must satisfy regular expression pattern: \(pattern.text)"
        case .values(let values): "Member must satisfy enum value set: [\(values.joined(separator: ", "))]"
        }
    }

    private static func length(of value: JSONValue) -> Int {
        switch value {
        case .string(let text): text.string.utf16.count
        case .bytes(let bytes): bytes.count
        case .array(let elements): elements.count
        case .object(let object): object.members.count
        default: 0
        }
    }

    private static func number(_ value: JSONValue) -> Double {
        (try? Double(json: value)) ?? 0
    }

    private static func text(_ value: JSONValue) -> String {
        (try? String(json: value)) ?? ""
    }

    /// A string too long to be tried and too long for its length constraint gets the length's message alone.
    private static func breaks(_ value: JSONValue, _ pattern: Pattern, lengthMax: Int?) -> Bool {
        let string = text(value)
        if string.utf8.count > Pattern.inputLengthMax, let lengthMax, string.utf16.count > lengthMax { return false }
        return !pattern.matches(string)
    }
}
