/// A service that speaks the Query protocol on this endpoint.
package enum QueryService: String, CaseIterable, Sendable {
    /// The raw values are the services' names in the scope of a signature.
    case iam
    case sts

    /// The service of that version of the API, which every form names; nil when it is of neither.
    package init?(version: String) {
        guard let service = Self.allCases.first(where: { $0.version == version }) else { return nil }
        self = service
    }

    /// The API's version, which no other service has.
    package var version: String {
        switch self {
        case .iam: "2010-05-08"
        case .sts: "2011-06-15"
        }
    }

    /// The name in messages.
    package var name: String {
        switch self {
        case .iam: "IAM"
        case .sts: "STS"
        }
    }

    private var namespace: String { "https://\(rawValue).amazonaws.com/doc/\(version)/" }

    /// The body of an operation's success.
    package func body(
        of action: String,
        _ response: (any XMLEncodable)?,
        requestID: String
    ) -> String {
        XMLWriter.string { writer in
            writer.element("\(action)Response", namespace: namespace) { writer in
                if let response { writer.element("\(action)Result") { response.encode(to: &$0) } }
                writer.element("ResponseMetadata") { $0.member("RequestId", requestID) }
            }
        }
    }

    /// The body of an error.
    package func body(of error: IdentityError, requestID: String) -> String {
        XMLWriter.string { writer in
            writer.element("ErrorResponse", namespace: namespace) { writer in
                writer.member("Error", error)
                writer.member("RequestId", requestID)
            }
        }
    }
}
