import LambdaAPI

/// The unique identifiers of roles and policies: four letters for the kind and 17 random characters.
enum EntityID {
    private static let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func role() -> String { id("AROA") }
    static func policy() -> String { id("ANPA") }

    private static func id(_ kind: String) -> String {
        var generator = PooledRandomNumberGenerator()
        let random = (0..<17).map { _ in characters[Int.random(in: characters.indices, using: &generator)] }
        return kind + String(decoding: random, as: UTF8.self)
    }
}
