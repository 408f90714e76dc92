/// Finds the operation that a method and a path stand for.
///
/// The table is a tree over the segments of the generated path templates. Segments are matched before they are
/// percent-decoded, since an ARN in a path may hold encoded slashes.
package struct RouteTable: Sendable {
    /// An operation with the values of its path parameters.
    package struct Match: Sendable {
        package let operation: Operation
        package let pathParameters: [String: String]
    }

    /// The routes of all operations.
    package static let all = RouteTable(Operation.allCases)

    private var root = Node()

    /// A table of the given operations.
    package init(_ operations: [Operation]) {
        for operation in operations {
            root.insert(operation, Self.segments(of: operation.pathTemplate[...])[...])
        }
    }

    /// The operation, or nil when there is none.
    ///
    /// - Parameters:
    ///   - path: The request's path as it came, still percent-encoded, without the query. A slash at the end is ignored.
    ///   - hasQuery: Whether the request's query has this pair; some operations differ from others only by it.
    package func match(
        method: String,
        path: Substring,
        hasQuery: (_ name: String, _ value: String) -> Bool
    ) -> Match? {
        var node = root
        var values: [String] = []
        for segment in Self.segments(of: path) {
            if let child = node.literals[segment] {
                node = child
            } else if let child = node.parameter.first, !segment.isEmpty, let value = percentDecoded(segment) {
                values.append(value)
                node = child
            } else {
                return nil
            }
        }
        let candidates = node.operations.filter { $0.method == method }
        let byQuery = candidates.first { candidate in
            candidate.fixedQuery.map { hasQuery($0.name, $0.value) } ?? false
        }
        guard let operation = byQuery ?? candidates.first(where: { $0.fixedQuery == nil }) else { return nil }
        let names = Self.parameterNames(of: operation)
        return Match(
            operation: operation,
            pathParameters: Dictionary(uniqueKeysWithValues: zip(names, values))
        )
    }

    private static func segments(of path: Substring) -> [Substring] {
        var segments = path.split(separator: "/", omittingEmptySubsequences: false)
        if segments.first?.isEmpty == true { segments.removeFirst() }
        if segments.count > 1, segments.last?.isEmpty == true { segments.removeLast() }
        return segments
    }

    private static func parameterName(_ segment: Substring) -> String? {
        guard segment.hasPrefix("{"), segment.hasSuffix("}") else { return nil }
        return String(segment.dropFirst().dropLast())
    }

    private static func parameterNames(of operation: Operation) -> [String] {
        segments(of: operation.pathTemplate[...]).compactMap(parameterName)
    }
}

extension RouteTable {
    private struct Node {
        var literals: [Substring: Node] = [:]
        /// At most one: a segment that is any value.
        var parameter: [Node] = []
        var operations: [Operation] = []

        mutating func insert(_ operation: Operation, _ segments: ArraySlice<Substring>) {
            guard let segment = segments.first else {
                operations.append(operation)
                return
            }
            if parameterName(segment) != nil {
                if parameter.isEmpty { parameter.append(Node()) }
                parameter[0].insert(operation, segments.dropFirst())
            } else {
                literals[segment, default: Node()].insert(operation, segments.dropFirst())
            }
        }
    }
}

/// Decodes `%41` and the like; nil when an escape is cut short or the result is not UTF-8.
package func percentDecoded(_ text: Substring) -> String? {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.utf8.count)
    var rest = text.utf8
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            decoded.append(byte)
            continue
        }
        guard let high = rest.popFirst().flatMap(hexadecimalValue),
            let low = rest.popFirst().flatMap(hexadecimalValue)
        else { return nil }
        decoded.append(high << 4 | low)
    }
    return String(validating: decoded, as: UTF8.self)
}

private func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
