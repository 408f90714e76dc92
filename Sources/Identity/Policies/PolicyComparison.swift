import LambdaAPI

/// An operator of conditions, without what may stand before and behind its name.
enum PolicyComparison: String {
    case stringEquals = "StringEquals"
    case stringNotEquals = "StringNotEquals"
    case stringEqualsIgnoreCase = "StringEqualsIgnoreCase"
    case stringNotEqualsIgnoreCase = "StringNotEqualsIgnoreCase"
    case stringLike = "StringLike"
    case stringNotLike = "StringNotLike"
    case numericEquals = "NumericEquals"
    case numericNotEquals = "NumericNotEquals"
    case numericLessThan = "NumericLessThan"
    case numericLessThanEquals = "NumericLessThanEquals"
    case numericGreaterThan = "NumericGreaterThan"
    case numericGreaterThanEquals = "NumericGreaterThanEquals"
    case dateEquals = "DateEquals"
    case dateNotEquals = "DateNotEquals"
    case dateLessThan = "DateLessThan"
    case dateLessThanEquals = "DateLessThanEquals"
    case dateGreaterThan = "DateGreaterThan"
    case dateGreaterThanEquals = "DateGreaterThanEquals"
    case bool = "Bool"
    case binaryEquals = "BinaryEquals"
    case ipAddress = "IpAddress"
    case notIPAddress = "NotIpAddress"
    case arnEquals = "ArnEquals"
    case arnNotEquals = "ArnNotEquals"
    case arnLike = "ArnLike"
    case arnNotLike = "ArnNotLike"
    case null = "Null"

    /// Whether the condition holds when no value matches. ``matches(_:_:in:)`` is about the match alone.
    var isNegated: Bool {
        switch self {
        case .stringNotEquals, .stringNotEqualsIgnoreCase, .stringNotLike, .numericNotEquals, .dateNotEquals,
            .notIPAddress, .arnNotEquals, .arnNotLike:
            true
        default: false
        }
    }

    /// Whether one value of the request matches one of the policy. What cannot be read as the operator's type, or has
    /// a variable without a value, matches nothing.
    func matches(_ value: String, _ text: PolicyText, in context: PolicyContext) -> Bool {
        switch self {
        case .stringLike, .stringNotLike: text.pattern(in: context)?.matches(value) ?? false
        case .arnEquals, .arnNotEquals, .arnLike, .arnNotLike:
            Self.matchesARN(value, text, in: context)
        default: text.text(in: context).map { matches(value, $0) } ?? false
        }
    }

    private func matches(_ value: String, _ other: String) -> Bool {
        switch self {
        case .stringEquals, .stringNotEquals: value.utf8.elementsEqual(other.utf8)
        case .stringEqualsIgnoreCase, .stringNotEqualsIgnoreCase:
            value.lowercased().utf8.elementsEqual(other.lowercased().utf8)
        case .numericEquals, .numericNotEquals: Self.compare(Double.init, value, other, ==)
        case .numericLessThan: Self.compare(Double.init, value, other, <)
        case .numericLessThanEquals: Self.compare(Double.init, value, other, <=)
        case .numericGreaterThan: Self.compare(Double.init, value, other, >)
        case .numericGreaterThanEquals: Self.compare(Double.init, value, other, >=)
        case .dateEquals, .dateNotEquals: Self.compare(Self.date, value, other, ==)
        case .dateLessThan: Self.compare(Self.date, value, other, <)
        case .dateLessThanEquals: Self.compare(Self.date, value, other, <=)
        case .dateGreaterThan: Self.compare(Self.date, value, other, >)
        case .dateGreaterThanEquals: Self.compare(Self.date, value, other, >=)
        case .bool: value.lowercased() == other.lowercased()
        case .binaryEquals: Self.compare({ Blob(base64: JSONText($0)) }, value, other, ==)
        case .ipAddress, .notIPAddress: Self.compare(IPRange.init, value, other) { $1.contains($0) }
        case .stringLike, .stringNotLike, .arnEquals, .arnNotEquals, .arnLike, .arnNotLike, .null: false
        }
    }

    private static func compare<Value>(
        _ read: (String) -> Value?,
        _ left: String,
        _ right: String,
        _ holds: (Value, Value) -> Bool
    ) -> Bool {
        guard let left = read(left), let right = read(right) else { return false }
        return holds(left, right)
    }

    /// Reads `2024-01-01T00:00:00Z`, `2024-01-01` or seconds since the epoch.
    private static func date(_ text: String) -> Timestamp? {
        if let seconds = Int(text) {
            let (milliseconds, isTooLarge) = seconds.multipliedReportingOverflow(by: 1000)
            return isTooLarge ? nil : Timestamp(milliseconds: milliseconds)
        }
        return Timestamp(rfc3339: text) ?? Timestamp(rfc3339: "\(text)T00:00:00Z")
    }
}
