package import LambdaAPI

/// Writes the XML of AWS's Query protocol: elements and text, nothing else.
///
/// The protocol has no attribute but the namespace of the outermost element and no mixed content, so the writer has
/// neither, and what it writes is well-formed by construction.
package struct XMLWriter {
    private var text = ""

    package init() {}

    /// The XML of what `body` writes.
    package static func string(_ body: (inout XMLWriter) -> Void) -> String {
        var writer = XMLWriter()
        body(&writer)
        return writer.text
    }

    /// An element with what `body` writes in it.
    package mutating func element(_ name: String, namespace: String? = nil, _ body: (inout XMLWriter) -> Void) {
        text += "<\(name)"
        if let namespace { text += " xmlns=\"\(Self.escaped(namespace))\"" }
        text += ">"
        body(&self)
        text += "</\(name)>"
    }

    /// An element with text in it.
    package mutating func element(_ name: String, text content: String) {
        element(name) { $0.text += Self.escaped(content) }
    }

    /// Replaces what has a meaning in XML. Tabs and line ends become references, since a parser would change them;
    /// characters that no XML can hold, which no constraint of the model lets through, become U+FFFD.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\t", "\n", "\r": escaped += "&#\(scalar.value);"
            case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

/// A structure that has a form in XML: its members, without an element of its own.
package protocol XMLEncodable: Sendable {
    /// Writes the members.
    func encode(to writer: inout XMLWriter)
}

// MARK: - What the generated structures are written with; a member that is nil is left out.

extension XMLWriter {
    package mutating func member(_ name: String, _ value: String?) {
        guard let value else { return }
        element(name, text: value)
    }

    package mutating func member(_ name: String, _ value: Int?) {
        member(name, value.map { String($0) })
    }

    package mutating func member(_ name: String, _ value: Bool?) {
        member(name, value.map { $0 ? "true" : "false" })
    }

    package mutating func member(_ name: String, _ value: (some OpenEnumeration)?) {
        member(name, value?.rawValue)
    }

    /// A moment to the second, `2024-01-01T00:00:00Z`.
    package mutating func member(_ name: String, _ value: Timestamp?) {
        member(name, value.map { $0.zuluText.prefix(19) + "Z" })
    }

    package mutating func member(_ name: String, _ value: (some XMLEncodable)?) {
        guard let value else { return }
        element(name) { value.encode(to: &$0) }
    }

    package mutating func member(_ name: String, _ values: [some XMLEncodable]?) {
        guard let values else { return }
        element(name) { for value in values { $0.member("member", value) } }
    }

    package mutating func member(_ name: String, _ values: [String]?) {
        guard let values else { return }
        element(name) { for value in values { $0.member("member", value) } }
    }
}
