package import LambdaAPI

/// What a message of SQS or SNS says of itself beside its body.
package struct MessageAttribute: Hashable, Sendable {
    /// The types that are needed of those that there are.
    package enum DataType: String, Sendable {
        case string = "String"
        case number = "Number"
    }

    package let name: String
    package let type: DataType
    /// Not empty, or the service refuses the whole message.
    package let value: String

    /// An attribute by its parts.
    package init(_ name: String, type: DataType, value: String) {
        self.name = name
        self.type = type
        self.value = value
    }
}

extension MessageAttribute: JSONEncodable {
    /// The value with its type; the name is the member's.
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("DataType", type.rawValue)
            writer.member("StringValue", value)
        }
    }
}
