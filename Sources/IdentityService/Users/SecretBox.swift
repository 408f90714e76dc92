import Crypto
import Foundation

/// Encrypts the secrets of access keys for the store, so that a copy of the database alone signs nothing.
package struct SecretBox: Sendable {
    /// How many bytes the key has.
    package static let keySize = 32

    private let key: SymmetricKey

    /// - Parameter key: ``keySize`` random bytes, which are kept apart from the database.
    package init(key: [UInt8]) {
        precondition(key.count == Self.keySize, "the key has \(Self.keySize) bytes")
        self.key = SymmetricKey(data: key)
    }

    /// AES-256 in Galois/Counter Mode, as base64. The context is authenticated, so that what was sealed for one access key
    /// opens for no other.
    func seal(_ secret: String, for context: String) throws -> String {
        let box = try AES.GCM.seal(Data(secret.utf8), using: key, authenticating: Data(context.utf8))
        guard let combined = box.combined else { throw CryptoKitError.incorrectParameterSize }
        return combined.base64EncodedString()
    }

    /// The secret; throws if the text was altered, or sealed with another key or for another access key.
    func open(_ sealed: String, for context: String) throws -> String {
        guard let combined = Data(base64Encoded: sealed) else { throw CryptoKitError.incorrectParameterSize }
        let box = try AES.GCM.SealedBox(combined: combined)
        let secret = try AES.GCM.open(box, using: key, authenticating: Data(context.utf8))
        return String(decoding: secret, as: UTF8.self)
    }
}
