/// The name of a layer inside one account and region; 1 to 140 of `[a-zA-Z0-9-_]`.
package struct LayerName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The name as the user gave it; names are case-sensitive.
    package let rawValue: String

    /// Wraps a name that the service model has validated already.
    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    package static func < (left: LayerName, right: LayerName) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension LayerName: Codable {
    /// One string, the name.
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// Which layer a caller means, and perhaps which version of it. A name stands for a layer of this account and region; an
/// ARN may be of any.
package struct LayerReference: Hashable, Sendable {
    package let name: LayerName
    /// Nil if the text names no version. Numbers that no layer can have reached stand as `Int.max`.
    package let version: Int?
    /// The layer's account and region.
    package let locality: Locality

    /// Reads a layer's name or ARN, or the ARN of a version, that the service model has validated already.
    package init(_ text: String, in locality: Locality) {
        // arn:partition:lambda:region:account:layer:name[:version]
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 7 else {
            name = LayerName(text)
            version = nil
            self.locality = locality
            return
        }
        self.locality = Locality(accountID: parts[4], region: parts[3])
        name = LayerName(parts[6])
        version = parts.count > 7 ? Int(parts[7]) ?? .max : nil
    }
}

extension Locality {
    /// The ARN of a layer here.
    package func layerARN(_ name: LayerName) -> String {
        "arn:aws:lambda:\(region):\(accountID):layer:\(name)"
    }

    /// The ARN of a layer's version here.
    package func layerVersionARN(_ name: LayerName, _ version: Int) -> String {
        "\(layerARN(name)):\(version)"
    }
}
