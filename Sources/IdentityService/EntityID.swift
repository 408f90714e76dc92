import Foundation
import LambdaAPI

/// The unique identifiers of IAM's things: four letters for the kind and random characters.
enum EntityID {
    private static let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func role() -> String { id("AROA", 17) }
    static func policy() -> String { id("ANPA", 17) }
    static func user() -> String { id("AIDA", 17) }
    static func accessKey() -> String { id("AKIA", 16) }

    /// The secret of an access key: 30 random bytes of the system, as 40 characters of base64.
    static func secret() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<30).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString()
    }

    private static func id(_ kind: String, _ length: Int) -> String {
        var generator = PooledRandomNumberGenerator()
        let random = (0..<length).map { _ in characters[Int.random(in: characters.indices, using: &generator)] }
        return kind + String(decoding: random, as: UTF8.self)
    }
}
