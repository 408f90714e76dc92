import Foundation

/// JSON as Swiftlet's own routes and the hook of the autoscaler have it: members begin with a capital letter as Lambda's do,
/// moments are in the form of ISO 8601, and what there is nothing to say of is left out.
package enum FleetDocument {
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// The JSON of a value.
    package static func bytes(of value: some Encodable, isPretty: Bool = false) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            isPretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .custom { path in
            let name = path.last?.stringValue ?? ""
            return Name(stringValue: name.prefix(1).uppercased() + name.dropFirst())
        }
        return Array(try encoder.encode(value))
    }

    /// Reads the JSON of a value. Throws what `JSONDecoder` throws.
    package static func value<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        decoder.keyDecodingStrategy = .custom { path in
            let name = path.last?.stringValue ?? ""
            return Name(stringValue: name.prefix(1).lowercased() + name.dropFirst())
        }
        return try decoder.decode(type, from: Data(bytes))
    }
}
