/// A text of the catalogue with placeholders in braces: `{runtime}`, `{version}`, `{handler}` and `{memory:P%}`, which
/// is P percent of the function's memory in whole mebibytes, at least 1; `{memory:P%-N}` is N mebibytes less than that.
///
/// A value that is put in is never expanded again, so a handler named `{version}` stays as it is.
struct PlaceholderText: Hashable, Sendable {
    private enum Piece: Hashable {
        case literal(String)
        case runtime, version, handler
        case memory(percent: Int, less: Int)
    }

    /// What the placeholders stand for.
    struct Values {
        var runtime: String
        var version: String
        var handler = ""
        var memoryMebibytes = 0
    }

    private let pieces: [Piece]

    /// Parses a text; `nil` when a brace is unbalanced or a placeholder unknown.
    init?(_ text: String) {
        var pieces: [Piece] = []
        var rest = text[...]
        while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
            guard rest[brace] == "{", let end = rest[brace...].firstIndex(of: "}"),
                let placeholder = Self.placeholder(rest[rest.index(after: brace)..<end])
            else { return nil }
            if brace > rest.startIndex {
                pieces.append(.literal(String(rest[..<brace])))
            }
            pieces.append(placeholder)
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty {
            pieces.append(.literal(String(rest)))
        }
        self.pieces = pieces
    }

    /// Whether the text depends on the function's handler.
    var namesHandler: Bool { pieces.contains(.handler) }

    /// The text with every placeholder's value in its place.
    func expanded(_ values: Values) -> String {
        var text = ""
        for piece in pieces {
            switch piece {
            case .literal(let literal): text += literal
            case .runtime: text += values.runtime
            case .version: text += values.version
            case .handler: text += values.handler
            case .memory(let percent, let less):
                text += String(max(1, values.memoryMebibytes * percent / 100 - less))
            }
        }
        return text
    }

    private static func placeholder(_ name: Substring) -> Piece? {
        switch name {
        case "runtime": return .runtime
        case "version": return .version
        case "handler": return .handler
        default:
            guard name.hasPrefix("memory:") else { return nil }
            let parts = name.dropFirst("memory:".count).split(separator: "%", omittingEmptySubsequences: false)
            guard parts.count == 2, let percent = Int(parts[0]), (1...100).contains(percent) else { return nil }
            if parts[1].isEmpty { return .memory(percent: percent, less: 0) }
            guard parts[1].hasPrefix("-"), let less = Int(parts[1].dropFirst()), less > 0 else { return nil }
            return .memory(percent: percent, less: less)
        }
    }
}
