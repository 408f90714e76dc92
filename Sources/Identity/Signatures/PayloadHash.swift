import Crypto
import LambdaAPI

/// What a signature says of a request's body: its SHA-256, or the name of another way to guard it.
package struct PayloadHash: Hashable, Sendable {
    /// The text as it stands in the canonical request and in `x-amz-content-sha256`.
    package let text: String

    private init(text: String) {
        self.text = text
    }

    /// The hash of a whole body.
    package init(of body: [UInt8]) {
        text = SHA256.hash(data: body).hexadecimalText
    }

    /// A SHA-256 that was made while the body came in.
    package init(digest: some Sequence<UInt8>) {
        text = digest.hexadecimalText
    }

    /// The hash of no bytes.
    package static let empty = PayloadHash(of: [])
    /// The body is not part of what is signed.
    package static let unsigned = PayloadHash(text: "UNSIGNED-PAYLOAD")
    /// The body comes in chunks with a signature each; see ``SignedChunkDecoder``.
    package static let signedChunks = PayloadHash(text: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
}
