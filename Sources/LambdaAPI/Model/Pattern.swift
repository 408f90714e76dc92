import Synchronization

/// A regular expression of the service model, which a whole string has to match.
///
/// The model's patterns are Java's. Swift's engine reads all of them but one construct, a look-behind at the very end,
/// which is taken off and checked apart.
package final class Pattern: Sendable {
    /// The expression as the model has it and as messages quote it.
    package let text: String

    /// How long a string may be and still be tried, in UTF-8 code units. Matching backtracks, so its time must not
    /// depend on how much a stranger sends; nothing that a pattern of the model is meant for comes near.
    package static let inputLengthMax = 65_536

    private static let lookBehindNoPoint = #"(?<!\.)"#

    private let forbiddenEnd: Character?
    /// Compiled at first use. `Regex` is not `Sendable`, so the lock also keeps it to one matcher at a time; a match is
    /// bounded and belongs to the control plane only.
    private let compiled = Mutex<Regex<AnyRegexOutput>?>(nil)

    /// Wraps an expression of the model; it is not compiled yet.
    package init(_ text: String) {
        self.text = text
        self.forbiddenEnd = text.hasSuffix(Self.lookBehindNoPoint) ? "." : nil
    }

    /// Whether all of the string matches. Strings longer than ``inputLengthMax`` never do.
    package func matches(_ string: String) -> Bool {
        guard string.utf8.count <= Self.inputLengthMax else { return false }
        if let forbiddenEnd, string.last == forbiddenEnd { return false }
        return compiled.withLock { compiled in
            if compiled == nil { compiled = compile() }
            guard let regex = compiled else { return false }
            return (try? regex.wholeMatch(in: string)) != nil
        }
    }

    /// Whether Swift's engine can read the expression; that it can read all of the model's is a test.
    package var isReadable: Bool { compile() != nil }

    private func compile() -> Regex<AnyRegexOutput>? {
        let readable = forbiddenEnd == nil ? text : String(text.dropLast(Self.lookBehindNoPoint.count))
        return (try? Regex(readable))?
            .matchingSemantics(.unicodeScalar)
            .asciiOnlyDigits()
            .asciiOnlyWhitespace()
    }
}
