/// A request to the API, taken apart by whoever speaks HTTP.
package struct OperationInput: Sendable {
    /// The values of the path template's parameters by name, percent-decoded.
    package var pathParameters: [String: String]
    /// The query's pairs in order, percent-decoded; a name may occur several times.
    package var query: [(name: String, value: String)]
    /// The headers in order; names count without regard to case.
    package var headers: [(name: String, value: String)]
    /// The whole body.
    package var body: [UInt8]

    /// A request; parts that are not given are empty.
    package init(
        pathParameters: [String: String] = [:],
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) {
        self.pathParameters = pathParameters
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The value of a header, if it is there.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    /// The values of a query parameter, in order.
    package func query(_ name: String) -> [String] {
        query.filter { $0.name == name }.map(\.value)
    }
}

/// An answer of the API, for whoever speaks HTTP to send.
package struct OperationOutput: Sendable {
    /// The HTTP status.
    package var status: Int
    /// Headers beyond those that every answer has; the body's type is always `application/json`.
    package var headers: [(name: String, value: String)]
    /// The body, empty when there is none.
    package var body: [UInt8]

    /// An answer.
    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// An operation's success without a body.
    package init(_ operation: Operation) {
        self.init(status: operation.successStatus)
    }

    /// An operation's success, with the response's own status if it has one. 204 never has a body.
    package init(_ response: some OperationResponse, _ operation: Operation) {
        let status = response.httpStatus ?? operation.successStatus
        self.init(
            status: status,
            headers: response.httpHeaders,
            body: status == 204 ? [] : JSONWriter.bytes(of: response)
        )
    }

    /// An error's answer.
    package init(_ error: LambdaError) {
        self.init(status: error.httpStatus, headers: error.headers, body: error.body)
    }
}

/// The typed request of an operation. The generated structures conform.
package protocol OperationRequest: JSONDecodable, Sendable {
    /// What the model says about it.
    static var shape: Shape { get }
}

extension OperationRequest {
    /// Reads a request: types first, then all constraints, then the typed value.
    ///
    /// Throws `SerializationException` for wrong types and JSON that is none, `ValidationException` for constraints.
    package init(_ input: OperationInput) throws(LambdaError) {
        let value = try RequestReader(input).read(Self.shape)
        try RequestValidator.validate(value, as: Self.shape)
        do {
            self = try Self(json: value)
        } catch {
            // What passed the checks and still does not fit its type is a defect of the generator.
            throw .service(cause: error)
        }
    }
}

/// The typed response of an operation. The generated structures conform.
package protocol OperationResponse: JSONEncodable, Sendable {
    /// The status, where the model makes it part of the response.
    var httpStatus: Int? { get }
    /// The members that travel as headers.
    var httpHeaders: [(name: String, value: String)] { get }
}

extension OperationResponse {
    package var httpStatus: Int? { nil }
    package var httpHeaders: [(name: String, value: String)] { [] }
}
