import Crypto
import LambdaAPI

/// The key that signs within one scope; what it signs says nothing of the secret it is made of.
struct SigningKey: Sendable {
    static let algorithm = "AWS4-HMAC-SHA256"

    private let key: SymmetricKey
    private let scope: CredentialScope

    init(secretAccessKey: String, scope: CredentialScope) {
        func derive(_ key: SymmetricKey, _ text: String) -> SymmetricKey {
            SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
        }
        let date = derive(SymmetricKey(data: Array("AWS4\(secretAccessKey)".utf8)), scope.date)
        key = derive(derive(derive(date, scope.region), scope.service), CredentialScope.terminator)
        self.scope = scope
    }

    /// The signature of a canonical request, as hexadecimal digits.
    func signature(ofCanonicalRequest text: String, at moment: Timestamp) -> String {
        signature(of: [PayloadHash(of: Array(text.utf8)).text], as: Self.algorithm, at: moment)
    }

    /// The signature of a chunk, which hangs on that of the chunk before it or of the request.
    func signature(ofChunk hash: PayloadHash, after previous: String, at moment: Timestamp) -> String {
        signature(of: [previous, PayloadHash.empty.text, hash.text], as: "\(Self.algorithm)-PAYLOAD", at: moment)
    }

    private func signature(of lines: [String], as kind: String, at moment: Timestamp) -> String {
        let text = ([kind, moment.signingText, "\(scope)"] + lines).joined(separator: "\n")
        return HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key).hexadecimalText
    }

    /// Compares signatures in a time that does not tell how much of them is the same.
    static func areEqual(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        return zip(left.utf8, right.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
