/// An access key with its secret.
package struct Credentials: Hashable, Sendable {
    package let accessKeyID: String
    package let secretAccessKey: String
    /// Only temporary credentials have one.
    package let sessionToken: String?

    /// Credentials by their parts.
    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }
}

/// The day, region and service that a signature is good for.
package struct CredentialScope: Hashable, Sendable, CustomStringConvertible {
    /// Eight digits.
    package let date: String
    package let region: String
    package let service: String

    static let terminator = "aws4_request"

    package var description: String { "\(date)/\(region)/\(service)/\(Self.terminator)" }
}
