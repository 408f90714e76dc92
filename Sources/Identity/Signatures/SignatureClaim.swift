package import LambdaAPI

/// A signed request before its secret is known: well-formed, in time and for this place, and still only a claim.
package struct SignatureClaim: Sendable {
    /// How the signature guards the body.
    package enum Payload: Hashable, Sendable {
        /// By the body's hash, which the request may also have named.
        case whole(declared: String?)
        /// Not at all.
        case unsigned
        /// In pieces; the body is to be read with a ``SignedChunkDecoder``.
        case signedChunks
    }

    /// Whose request it claims to be.
    package let accessKeyID: String
    package let scope: CredentialScope
    /// When it claims to have been signed.
    package let moment: Timestamp
    /// The caller checks that it is the access key's own; a key that is not temporary has none.
    package let sessionToken: String?
    /// Whether the signature is in the query.
    package let isLink: Bool
    package let payload: Payload

    let request: SigningRequest
    let signedHeaders: [String]
    let signature: String

    /// Checks the signature against the secret and the body, whose hash counts only for ``Payload/whole(declared:)``.
    @discardableResult
    package func verify(
        secretAccessKey: String,
        bodyHash: PayloadHash
    ) throws(AuthenticationError) -> VerifiedSignature {
        let key = SigningKey(secretAccessKey: secretAccessKey, scope: scope)
        let text = request.canonicalText(
            signedHeaders: signedHeaders,
            payload: try signedPayload(bodyHash),
            service: scope.service
        )
        let expected = key.signature(ofCanonicalRequest: text, at: moment)
        guard SigningKey.areEqual(expected, signature) else { throw .signatureMismatch }
        return VerifiedSignature(key: key, moment: moment, signature: expected)
    }

    private func signedPayload(_ bodyHash: PayloadHash) throws(AuthenticationError) -> PayloadHash {
        switch payload {
        case .unsigned: return .unsigned
        case .signedChunks: return .signedChunks
        case .whole(let declared):
            guard declared == nil || declared == bodyHash.text else { throw .signatureMismatch }
            return bodyHash
        }
    }
}

/// A signature that was checked: the start of the chain of its body's chunks.
package struct VerifiedSignature: Sendable {
    let key: SigningKey
    let moment: Timestamp
    private(set) var signature: String

    /// Goes on to the next chunk and returns its signature.
    mutating func advance(over chunk: [UInt8]) -> String {
        signature = key.signature(ofChunk: PayloadHash(of: chunk), after: signature, at: moment)
        return signature
    }
}
