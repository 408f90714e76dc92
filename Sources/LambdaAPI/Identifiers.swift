/// The name of a function inside one account and region, without qualifier; 1 to 64 of `[a-zA-Z0-9-_]`.
package struct FunctionName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The name as the user gave it; names are case-sensitive.
    package let rawValue: String

    /// Wraps a name that has been validated already, by the service model or by ``FunctionReference``.
    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    package static func < (left: FunctionName, right: FunctionName) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// What selects one version of a function: `$LATEST`, a version number or an alias.
package struct Qualifier: Hashable, Sendable, CustomStringConvertible {
    /// The qualifier as it stands in an ARN.
    package let rawValue: String

    /// Wraps a qualifier that has been validated already.
    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// The unpublished version, which every function has.
    package static let latest = Qualifier("$LATEST")

    package var description: String { rawValue }
}

/// A version of a function: `$LATEST` or a number. Unlike a ``Qualifier`` it is never an alias.
package struct FunctionVersion: Hashable, Sendable, CustomStringConvertible {
    /// The version as it stands in an ARN and in `AWS_LAMBDA_FUNCTION_VERSION`.
    package let rawValue: String

    /// Wraps a version that the store has given out.
    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// The unpublished version.
    package static let latest = FunctionVersion("$LATEST")

    /// The number of a published version, nil for anything else.
    package var number: Int? {
        guard let number = Int(rawValue), number > 0, String(number) == rawValue else { return nil }
        return number
    }

    package var description: String { rawValue }
}

/// The account and region that a Swiftlet instance serves. There is one of each, both configurable.
package struct Locality: Hashable, Sendable {
    /// Twelve digits.
    package let accountID: String
    /// The region's name as in ARNs, such as `us-east-1`.
    package let region: String

    /// Names an account and region that the configuration has validated.
    package init(accountID: String, region: String) {
        self.accountID = accountID
        self.region = region
    }

    /// Whether an ARN is of Lambda, and of this account and region.
    package func owns(_ arn: String) -> Bool { arn.hasPrefix("arn:aws:lambda:\(region):\(accountID):") }

    /// The ARN of a function here, unqualified unless a qualifier is given.
    package func functionARN(_ name: FunctionName, qualifier: Qualifier? = nil) -> String {
        let unqualified = "arn:aws:lambda:\(region):\(accountID):function:\(name.rawValue)"
        guard let qualifier else { return unqualified }
        return "\(unqualified):\(qualifier.rawValue)"
    }
}

/// An amount of memory or storage, in bytes.
package struct ByteCount: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The amount in bytes.
    package let bytes: Int

    /// An amount in bytes.
    package init(bytes: Int) {
        self.bytes = bytes
    }

    /// An amount in mebibytes, which Lambda's documents and logs call MB.
    package static func mebibytes(_ count: Int) -> ByteCount {
        ByteCount(bytes: count << 20)
    }

    /// The amount in whole mebibytes, rounded up, as REPORT lines show it.
    package var mebibytesRoundedUp: Int { (bytes + (1 << 20) - 1) >> 20 }

    package var description: String { "\(bytes) B" }

    package static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
    package static func + (left: ByteCount, right: ByteCount) -> ByteCount {
        ByteCount(bytes: left.bytes + right.bytes)
    }
    package static func - (left: ByteCount, right: ByteCount) -> ByteCount {
        ByteCount(bytes: left.bytes - right.bytes)
    }
}

extension FunctionName: Codable {
    /// One string, the name.
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

extension FunctionVersion: Codable {
    /// One string, the version.
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
