package import CodeStore
import Crypto
import Foundation
package import LambdaAPI

/// The addresses from which packages are downloaded: valid for ten minutes, for one package, and only if this process,
/// or another that has the same secret, made them. Source: `spec/control-plane.md` section 1, GetFunction.
package struct CodeLocation: Sendable {
    /// How long an address is valid.
    package static let lifetimeSeconds = 600

    /// The path in front of the package's hash.
    package static let pathPrefix = "/_swiftlet/code/"

    private let key: SymmetricKey

    /// - Parameter secret: What all processes have that serve the addresses of each other; nil for one that is alone.
    package init(secret: [UInt8]? = nil) {
        key =
            secret.map { secret in
                HKDF<SHA256>.deriveKey(
                    inputKeyMaterial: SymmetricKey(data: secret),
                    info: Data("addresses of packages".utf8),
                    outputByteCount: 32
                )
            } ?? SymmetricKey(size: .bits256)
    }

    /// The path and query of an address that is valid from `now` on.
    package func path(to hash: CodeHash, at now: Timestamp) -> String {
        let expiry = now.milliseconds / 1000 + Self.lifetimeSeconds
        return "\(Self.pathPrefix)\(hash)?Expires=\(expiry)&Signature=\(signature(hash, expiry))"
    }

    /// Whether an address with these parts was made here and is still valid. Takes as long for a wrong signature as for a
    /// right one.
    package func isValid(hash: CodeHash, expiry: Int, signature: String, at now: Timestamp) -> Bool {
        guard let code = Data(hexadecimal: signature) else { return false }
        let isAuthentic = HMAC<SHA256>.isValidAuthenticationCode(
            code,
            authenticating: Data("\(hash) \(expiry)".utf8),
            using: key
        )
        return isAuthentic && now.milliseconds / 1000 <= expiry
    }

    private func signature(_ hash: CodeHash, _ expiry: Int) -> String {
        HMAC<SHA256>.authenticationCode(for: Data("\(hash) \(expiry)".utf8), using: key).hexadecimalText
    }
}

extension Data {
    fileprivate init?(hexadecimal text: String) {
        guard text.utf8.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        var rest = text[...]
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        self.init(bytes)
    }
}
