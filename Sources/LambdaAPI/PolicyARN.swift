/// The ARN of a managed policy of IAM: `arn:aws:iam::ACCOUNT:policy/PATH/NAME`, where AWS's own have `aws` for the account.
package struct PolicyARN: Hashable, Sendable, CustomStringConvertible {
    /// The whole ARN.
    package let rawValue: String
    /// Twelve digits, or `aws`.
    package let accountID: String
    /// `/`, or directories between two slashes.
    package let path: String
    package let name: String

    private static let prefix = "arn:aws:iam::"
    private static let ownerOfAWS = "aws"

    /// Reads an ARN; nil when it is not one of a managed policy.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[1].hasPrefix("policy/") else { return nil }
        guard let slash = parts[1].lastIndex(of: "/") else { return nil }
        let isAccount = parts[0].utf8.count == 12 && parts[0].utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isAccount || parts[0] == Self.ownerOfAWS, !parts[1][slash...].dropFirst().isEmpty else { return nil }
        rawValue = text
        accountID = String(parts[0])
        path = String(parts[1][...slash].dropFirst("policy".count))
        name = String(parts[1][slash...].dropFirst())
    }

    /// The ARN of a policy of an account.
    package init(accountID: String, path: String, name: String) {
        rawValue = "\(Self.prefix)\(accountID):policy\(path)\(name)"
        self.accountID = accountID
        self.path = path
        self.name = name
    }

    /// Whether the policy is one of AWS's own, which no account can change.
    package var isOfAWS: Bool { accountID == Self.ownerOfAWS }

    package var description: String { rawValue }
}

extension PolicyARN: Codable {
    /// One string, the ARN.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let arn = PolicyARN(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not the ARN of a managed policy")
        }
        self = arn
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
