import LambdaAPI
import NIOHTTP1

extension APIClient {
    /// Ends a function's execution environments. Returns how many there were.
    ///
    /// - Throws: ``DeveloperError``, for instance when there is no such function.
    package func recycle(_ function: String) async throws -> Int {
        try await count("Recycled", ofPosting: "recycle", to: function)
    }

    /// Posts to a route of a function's that answers with a number.
    func count(_ member: String, ofPosting route: String, to function: String) async throws -> Int {
        let path = "/swiftlet/2026-11-01/functions/\(Self.percentEncoded(function))/\(route)"
        let body = try await send(.POST, path).success()
        guard case .object(let object) = try JSONParser.parse(body) else {
            throw DeveloperError("the server's answer is not understood")
        }
        return try object.required(member)
    }

    /// A text as one part of a path.
    package static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            let scalar = Unicode.Scalar(byte)
            let isPlain =
                scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-_.".unicodeScalars.contains(scalar)
            return scalar.isASCII && isPlain
                ? String(Character(scalar)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
