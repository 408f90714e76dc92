/// Gathers a request's members from its path, query, headers and body into one value of the request's shape.
struct RequestReader {
    private let input: OperationInput

    init(_ input: OperationInput) {
        self.input = input
    }

    /// The request with the types of its shape; throws `SerializationException`.
    func read(_ shape: Shape) throws(LambdaError) -> JSONValue {
        guard case .structure(let members) = shape.kind else { return .null }
        let body = try readBody(members)
        var request = JSONObject()
        for member in members {
            if let value = try read(member, body: body) { request.append(member.name, value) }
        }
        return .object(request)
    }

    private func read(_ member: Member, body: JSONObject?) throws(LambdaError) -> JSONValue? {
        switch member.location {
        case .body: body?[member.name]
        case .payload: try readPayload(member.shape)
        case .path: try resolve(input.pathParameters[member.name], as: member.shape)
        case .header(let name): try resolve(input.header(name), as: member.shape)
        case .query(let name): try readQuery(input.query(name), as: member.shape)
        }
    }

    private func resolve(_ text: String?, as shape: Shape) throws(LambdaError) -> JSONValue? {
        guard let text else { return nil }
        return try TypeResolver.resolve(text: text, as: shape)
    }

    private func readQuery(_ values: [String], as shape: Shape) throws(LambdaError) -> JSONValue? {
        guard case .list(let element, _) = shape.kind else { return try resolve(values.first, as: shape) }
        guard !values.isEmpty else { return nil }
        var elements: [JSONValue] = []
        for value in values { elements.append(try TypeResolver.resolve(text: value, as: element)) }
        return .array(elements)
    }

    /// The body's members; nil when none is wanted, and then the body is not even looked at.
    private func readBody(_ members: [Member]) throws(LambdaError) -> JSONObject? {
        let wanted = members.filter { if case .body = $0.location { true } else { false } }
        guard !wanted.isEmpty, !input.body.isEmpty else { return nil }
        guard case .object(let body) = try TypeResolver.resolve(parseBody(), as: .structure(wanted)) else { return nil }
        return body
    }

    private func readPayload(_ shape: Shape) throws(LambdaError) -> JSONValue? {
        guard !input.body.isEmpty else { return nil }
        if case .blob = shape.kind { return .bytes(input.body) }
        return try TypeResolver.resolve(parseBody(), as: shape)
    }

    private func parseBody() throws(LambdaError) -> JSONValue {
        do {
            return try JSONParser.parse(input.body)
        } catch {
            throw .serialization("failed to parse the request body as JSON: \(error)")
        }
    }
}
