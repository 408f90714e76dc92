import Crypto
import FoundationEssentials
import Identity
import LambdaAPI

/// A package that is in the store.
package struct CodePackage: Sendable, Equatable {
    /// The SHA-256 of the archive.
    package let hash: CodeHash
    /// The size of the archive in bytes.
    package let size: Int

    package init(hash: CodeHash, size: Int) {
        self.hash = hash
        self.size = size
    }
}

/// The SHA-256 of a package's archive.
package struct CodeHash: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package let hexadecimal: String

    /// Takes over digits that came from a ``CodeHash`` before.
    package init(hexadecimal: String) {
        self.hexadecimal = hexadecimal
    }

    /// Nil for what is no hash as ``hexadecimal`` has it.
    init?(digits: String) {
        let isHash =
            digits.utf8.count == 64
            && digits.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
        guard isHash else { return nil }
        hexadecimal = digits
    }

    init(of bytes: [UInt8]) {
        hexadecimal = SHA256.hash(data: bytes).hexadecimalText
    }

    /// The hash as `CodeSha256` shows it.
    package var base64: String { Data(bytes).base64EncodedString() }

    /// The hash as signatures of requests have it.
    var payload: PayloadHash { PayloadHash(digest: bytes) }

    private var bytes: [UInt8] {
        var bytes: [UInt8] = []
        var digits = hexadecimal.utf8[...]
        while let pair = String(digits.prefix(2)), let byte = UInt8(pair, radix: 16) {
            bytes.append(byte)
            digits = digits.dropFirst(2)
        }
        return bytes
    }

    package var description: String { hexadecimal }
}
