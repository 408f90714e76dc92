package import NIOHTTP1

/// A request to a service before it is signed.
package struct ServiceRequest: Sendable {
    package var method: HTTPMethod
    /// The path with its escapes.
    package var path: String
    /// What stands behind the question mark, with its escapes; empty when there is nothing.
    package var query: String
    /// All but `Host` and those of the signature.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    /// A request by its parts.
    package init(
        method: HTTPMethod,
        path: String,
        query: String = "",
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }
}

/// What a service has answered.
package struct ServiceAnswer: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    package let body: [UInt8]

    var isSuccess: Bool { (200..<300).contains(status) }
}
