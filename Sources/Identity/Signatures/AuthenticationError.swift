/// Why a request is not taken for its sender's, with AWS's code and text. Who answers maps it to the API's error.
package struct AuthenticationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the exception on the wire.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case missingAuthenticationToken = "MissingAuthenticationTokenException"
            case incompleteSignature = "IncompleteSignatureException"
            case unrecognizedClient = "UnrecognizedClientException"
            case invalidSignature = "InvalidSignatureException"
            case expiredToken = "ExpiredTokenException"
        }

        private let rawValue: Name

        /// Nothing in the request says whose it is.
        package static let missingAuthenticationToken = Self(rawValue: .missingAuthenticationToken)
        /// The signature, or what belongs to it, is not well-formed.
        package static let incompleteSignature = Self(rawValue: .incompleteSignature)
        /// There is no such access key, or the session token is not that key's.
        package static let unrecognizedClient = Self(rawValue: .unrecognizedClient)
        /// The signature is another one, or made for another time, region or service.
        package static let invalidSignature = Self(rawValue: .invalidSignature)
        /// The credentials were temporary and their time is over.
        package static let expiredToken = Self(rawValue: .expiredToken)

        /// The name as `x-amzn-ErrorType` has it.
        package var name: String { rawValue.rawValue }
        package var description: String { name }
    }

    package let code: Code
    /// The text for the client.
    package let message: String

    /// The HTTP status, which is the same for all of them.
    package var httpStatus: Int { 403 }

    package var description: String { "\(code): \(message)" }

    static func incomplete(_ message: String) -> AuthenticationError {
        AuthenticationError(code: .incompleteSignature, message: message)
    }

    static func invalid(_ message: String) -> AuthenticationError {
        AuthenticationError(code: .invalidSignature, message: message)
    }

    /// The request has no signature at all.
    package static let missingToken = AuthenticationError(
        code: .missingAuthenticationToken,
        message: "Missing Authentication Token"
    )

    /// For the caller: there is no such access key, it is off, or the session token does not go with it.
    package static let unrecognizedClient = AuthenticationError(
        code: .unrecognizedClient,
        message: "The security token included in the request is invalid."
    )

    /// For the caller: the access key was temporary and has expired.
    package static let expiredToken = AuthenticationError(
        code: .expiredToken,
        message: "The security token included in the request is expired"
    )

    /// The signature is not the one that the secret makes of this request.
    package static let signatureMismatch = AuthenticationError(
        code: .invalidSignature,
        message: "The request signature we calculated does not match the signature you provided. "
            + "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )
}
