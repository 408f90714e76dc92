import LambdaAPI

/// A request of AWS's Query protocol: names and values, from a form in the body or from the query of a GET.
package struct QueryForm: Sendable {
    private let values: [Substring: String]

    /// A form of pairs that are decoded already. Where a name occurs twice, the first one counts.
    package init(_ pairs: [(String, String)]) {
        values = Dictionary(pairs.map { ($0.0[...], $0.1) }) { first, _ in first }
    }

    /// Takes `application/x-www-form-urlencoded` text apart.
    package static func pairs(urlEncoded text: String) throws(IdentityError) -> [(String, String)] {
        var pairs: [(String, String)] = []
        for part in text.split(separator: "&") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(sides[0]), let value = decoded(sides.count > 1 ? sides[1] : "") else {
                throw IdentityError(.malformedQueryString, "The query string contains a syntax error")
            }
            pairs.append((name, value))
        }
        return pairs
    }

    private static func decoded(_ text: Substring) -> String? {
        percentDecoded(text.utf8.contains(UInt8(ascii: "+")) ? text.replacing("+", with: " ")[...] : text)
    }

    /// The value of that name; nil when the form has none.
    package subscript(name: String) -> String? { values[name[...]] }

    /// Reads the typed request of an operation: types first, then all constraints.
    func read<Request: OperationRequest>(_: Request.Type) throws(IdentityError) -> Request {
        do {
            let value = try read(Request.shape, at: "") ?? .object(JSONObject())
            try IdentityNames.check(value)
            try RequestValidator.validate(value, as: Request.shape)
            return try Request(json: value)
        } catch let error as LambdaError {
            throw IdentityError(error)
        } catch let error as IdentityError {
            throw error
        } catch {
            // What passed the checks and still does not fit its type is a defect of the generator.
            throw .failure(cause: error)
        }
    }

    /// The value of a shape, which the names under `prefix` spell out; nil when none of them is there.
    private func read(_ shape: Shape, at prefix: String) throws(LambdaError) -> JSONValue? {
        switch shape.kind {
        case .structure(let members):
            var object = JSONObject()
            for member in members {
                let path = prefix.isEmpty ? member.name : "\(prefix).\(member.name)"
                if let value = try read(member.shape, at: path) { object.append(member.name, value) }
            }
            return object.members.isEmpty ? nil : .object(object)
        case .list(let element, _):
            return try readList(of: element, at: prefix)
        default:
            guard let text = self[prefix] else { return nil }
            return try TypeResolver.resolve(text: text, as: shape)
        }
    }

    /// `Tags.member.1`, `Tags.member.2` and so on, in the order of their numbers; `Tags` alone and empty is an empty list.
    private func readList(of element: Shape, at prefix: String) throws(LambdaError) -> JSONValue? {
        let start = prefix + ".member."
        let numbers = Set(
            values.keys.lazy.filter { $0.hasPrefix(start) }
                .compactMap { Int($0.dropFirst(start.count).prefix { $0 != "." }) }
        )
        guard !numbers.isEmpty else { return self[prefix] == nil ? nil : .array([]) }
        var elements: [JSONValue] = []
        for number in numbers.sorted() {
            elements.append(try read(element, at: "\(start)\(number)") ?? .null)
        }
        return .array(elements)
    }
}
