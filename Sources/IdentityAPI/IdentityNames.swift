import LambdaAPI

/// The constraints of names and paths that IAM words in a way of its own, not in that of its model.
enum IdentityNames {
    /// Throws for the first value that breaks one and is of the right length; the length's own message comes first.
    static func check(_ request: JSONValue) throws(IdentityError) {
        guard case .object(let object) = request else { return }
        for member in object.members {
            guard case .string(let text) = member.value, (1...512).contains(text.utf8.count) else { continue }
            let name = member.name.prefix(1).lowercased() + member.name.dropFirst()
            switch member.name {
            case "RoleName" where text.utf8.count <= 64, "PolicyName" where text.utf8.count <= 128:
                guard !text.utf8.allSatisfy(isOfName) else { continue }
                throw .specifiedValue(
                    name,
                    "It must contain only alphanumeric characters and/or the following: +=,.@_-"
                )
            case "Path":
                guard !isPath(text.utf8) else { continue }
                throw .specifiedValue(
                    name,
                    "It must begin and end with / and contain only alphanumeric characters and/or / characters."
                )
            default:
                continue
            }
        }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "+=,.@_-".utf8.contains(byte)
        }
    }

    private static func isPath(_ bytes: ArraySlice<UInt8>) -> Bool {
        let slash = UInt8(ascii: "/")
        return bytes.first == slash && bytes.last == slash && bytes.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
