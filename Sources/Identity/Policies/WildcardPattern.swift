/// A text with wildcards: `*` for any characters, `?` for exactly one.
///
/// Characters are Unicode scalars and are compared as such: texts that Unicode calls equivalent are different names.
package struct WildcardPattern: Hashable, Sendable, CustomStringConvertible {
    /// One step of a match.
    package enum Element: Hashable, Sendable {
        case literal(Unicode.Scalar)
        case anyOne
        case anyMany
    }

    /// Never two of `anyMany` in a row.
    private var elements: [Element] = []
    private let ignoresCase: Bool

    /// A pattern that matches only the empty text, to be appended to.
    init(ignoringCase: Bool = false) {
        ignoresCase = ignoringCase
    }

    /// Reads `*` and `?` as wildcards.
    package init(_ text: String, ignoringCase: Bool = false) {
        self.init(ignoringCase: ignoringCase)
        append(text)
    }

    /// Adds text in which `*` and `?` are wildcards.
    mutating func append(_ text: String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "*": if elements.last != .anyMany { elements.append(.anyMany) }
            case "?": elements.append(.anyOne)
            default: elements.append(.literal(folded(scalar)))
            }
        }
    }

    /// Adds text in which nothing is a wildcard.
    mutating func append(literal text: String) {
        elements += text.unicodeScalars.map { .literal(folded($0)) }
    }

    /// The patterns between the separators, of which the last has all further ones.
    func split(by separator: Unicode.Scalar, partCount: Int) -> [WildcardPattern] {
        elements.split(separator: .literal(separator), maxSplits: partCount - 1, omittingEmptySubsequences: false)
            .map { part in
                var pattern = WildcardPattern(ignoringCase: ignoresCase)
                pattern.elements = Array(part)
                return pattern
            }
    }

    /// Whether all of the text matches.
    ///
    /// When something does not match, only the last `*` takes one more character: whatever an earlier one could take,
    /// the last can take too. So the time is at most the product of both lengths, whatever the pattern.
    package func matches(_ text: String) -> Bool {
        let scalars = text.unicodeScalars.map { folded($0) }
        var position = 0
        var element = 0
        var retry: (element: Int, position: Int)?
        while position < scalars.count {
            if element < elements.count {
                switch elements[element] {
                case .anyMany:
                    element += 1
                    retry = (element, position)
                    continue
                case .anyOne:
                    element += 1
                    position += 1
                    continue
                case .literal(let scalar) where scalar == scalars[position]:
                    element += 1
                    position += 1
                    continue
                case .literal: break
                }
            }
            guard let last = retry else { return false }
            (element, position) = (last.element, last.position + 1)
            retry = (element, position)
        }
        return elements[element...].allSatisfy { $0 == .anyMany }
    }

    /// Only ASCII has case here: names of actions are ASCII, and other texts must not become equal by folding.
    private func folded(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        guard ignoresCase, ("A"..."Z").contains(scalar) else { return scalar }
        return Unicode.Scalar(UInt8(ascii: scalar) | 0x20)
    }

    package var description: String {
        var text = ""
        for element in elements {
            switch element {
            case .literal(let scalar): text.unicodeScalars.append(scalar)
            case .anyOne: text += "?"
            case .anyMany: text += "*"
            }
        }
        return text
    }
}
