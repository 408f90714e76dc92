import LambdaAPI

/// A condition on a message that is JSON.
indirect enum JSONCondition: Sendable {
    case both(JSONCondition, JSONCondition)
    case either(JSONCondition, JSONCondition)
    case compares(JSONSelector, Comparison, Operand)
    case exists(JSONSelector, Bool)
    case isNull(JSONSelector)
    case isBoolean(JSONSelector, Bool)

    enum Comparison: String, CaseIterable, Sendable {
        // Longer ones first: that is the order in which they are looked for.
        case notEqual = "!="
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case equal = "="
        case less = "<"
        case greater = ">"
    }

    /// What a value is compared with.
    struct Operand: Sendable {
        /// The text, in which `*` stands for any characters.
        let text: [UInt8]
        /// The number, when it is one and stands without quotation marks.
        let number: Double?
    }

    func holds(for message: JSONValue) -> Bool {
        switch self {
        case .both(let left, let right): left.holds(for: message) && right.holds(for: message)
        case .either(let left, let right): left.holds(for: message) || right.holds(for: message)
        case .compares(let selector, let comparison, let operand):
            selector.values(in: message).contains { Self.holds($0, comparison, operand) }
        case .exists(let selector, let isWanted): selector.values(in: message).isEmpty != isWanted
        case .isNull(let selector): selector.values(in: message).contains { if case .null = $0 { true } else { false } }
        case .isBoolean(let selector, let wanted):
            selector.values(in: message).contains { if case .bool(let value) = $0 { value == wanted } else { false } }
        }
    }

    private static func holds(_ value: JSONValue, _ comparison: Comparison, _ operand: Operand) -> Bool {
        switch comparison {
        case .equal: isEqual(value, operand) ?? false
        case .notEqual: isEqual(value, operand).map { !$0 } ?? false
        case .less: compare(value, operand) { $0 < $1 }
        case .lessOrEqual: compare(value, operand) { $0 <= $1 }
        case .greater: compare(value, operand) { $0 > $1 }
        case .greaterOrEqual: compare(value, operand) { $0 >= $1 }
        }
    }

    private static func compare(_ value: JSONValue, _ operand: Operand, _ order: (Double, Double) -> Bool) -> Bool {
        guard let number = operand.number, let value = try? Double(json: value) else { return false }
        return order(value, number)
    }

    /// Nil for values that are not compared: null, arrays and objects.
    private static func isEqual(_ value: JSONValue, _ operand: Operand) -> Bool? {
        if let number = operand.number, let value = try? Double(json: value) { return value == number }
        return text(of: value).map { WildcardText.matches($0[...], operand.text[...]) }
    }

    private static func text(of value: JSONValue) -> [UInt8]? {
        switch value {
        case .string(let text): Array(text.utf8)
        case .integer(let integer): Array(String(integer).utf8)
        case .double(let double): Array(String(double).utf8)
        case .bool(let bool): Array(String(bool).utf8)
        case .null, .array, .object, .bytes: nil
        }
    }
}

/// A way into a message, such as `$.users[0].name`.
struct JSONSelector: Sendable {
    enum Step: Sendable {
        case member(String)
        case index(Int)
        /// `[*]`, every element.
        case every
    }

    let steps: [Step]

    /// All values that the way leads to; several where it has `[*]`.
    func values(in message: JSONValue) -> [JSONValue] {
        var values = [message]
        for step in steps {
            values = values.flatMap { value -> [JSONValue] in
                switch (step, value) {
                case (.member(let name), .object(let object)):
                    object.members.last { $0.name == name }.map { [$0.value] } ?? []
                case (.index(let index), .array(let elements)):
                    elements.indices.contains(index) ? [elements[index]] : []
                case (.every, .array(let elements)): elements
                default: []
                }
            }
        }
        return values
    }
}

/// Texts with `*`, which stands for any characters or none.
enum WildcardText {
    static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var text = text
        var pattern = pattern
        // Where to go on when a try fails: after the last star, one byte further into the text.
        var retry: (text: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (text, pattern)
            } else if let byte = text.first, byte == pattern.first {
                text = text.dropFirst()
                pattern = pattern.dropFirst()
            } else if text.isEmpty, pattern.isEmpty {
                return true
            } else if let next = retry, !next.text.isEmpty {
                text = next.text.dropFirst()
                pattern = next.pattern
                retry = (text, pattern)
            } else {
                return false
            }
        }
    }
}
