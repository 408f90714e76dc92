import LambdaAPI
package import LogsAPI

/// A pattern of FilterLogEvents: what a message must have to be found.
///
/// Source: "Filter pattern syntax" in the CloudWatch Logs user guide. Patterns of fields between brackets and regular
/// expressions between percent signs are refused.
package struct FilterPattern: Sendable {
    private enum Kind {
        case terms(TermPattern)
        case json(JSONCondition)
    }

    private let kind: Kind

    /// Reads a pattern; the empty one matches everything.
    package init(_ text: String) throws(LogsError) {
        let trimmed = text.drop { $0.isWhitespace }
        switch trimmed.first {
        case "{": kind = .json(try JSONConditionParser.parse(String(trimmed)))
        case "[": throw .invalidPattern("patterns of fields between brackets are not supported")
        default: kind = .terms(try TermPattern(text))
        }
    }

    /// Whether a message has what the pattern asks for.
    package func matches(_ message: [UInt8]) -> Bool {
        switch kind {
        case .terms(let pattern): pattern.matches(message)
        case .json(let condition):
            (try? JSONParser.parse(message)).map { condition.holds(for: $0) } ?? false
        }
    }
}

extension LogsError {
    static func invalidPattern(_ reason: String) -> LogsError {
        invalidParameter("Invalid filter pattern: \(reason)")
    }
}
