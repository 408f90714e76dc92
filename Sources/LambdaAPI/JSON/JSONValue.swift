/// A parsed JSON text.
///
/// Strings stay slices of the parsed bytes until they are asked for, so that parsing a request with a function's
/// whole package in it costs no copy of the package.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits into an `Int`.
    case integer(Int)
    /// Every other number.
    case double(Double)
    case string(JSONText)
    case array([JSONValue])
    case object(JSONObject)
    /// Bytes that are not JSON: a decoded blob, or a request's whole body where the model says so.
    case bytes([UInt8])

    /// A string that was not parsed but made, as from a path or a header.
    package static func text(_ string: String) -> JSONValue {
        .string(JSONText(string))
    }
}

/// The text of a JSON string: well-formed UTF-8 with all escapes resolved.
package struct JSONText: Sendable {
    /// The text's UTF-8.
    package let utf8: ArraySlice<UInt8>

    /// Wraps bytes that the parser has found to be well-formed.
    init(validated utf8: ArraySlice<UInt8>) {
        self.utf8 = utf8
    }

    /// The JSON text of a Swift string.
    package init(_ string: String) {
        utf8 = Array(string.utf8)[...]
    }

    /// The text as a Swift string; each call makes a new one.
    package var string: String { String(decoding: utf8, as: UTF8.self) }
}

/// The members of a JSON object in the order of the text.
package struct JSONObject: Sendable {
    /// One member, its name with escapes resolved.
    package struct Member: Sendable {
        package let name: String
        package let value: JSONValue
    }

    package private(set) var members: [Member] = []

    /// An object without members.
    package init() {}

    /// Adds a member after all others. Where a name occurs twice, the last one counts, as in AWS's parser.
    package mutating func append(_ name: String, _ value: JSONValue) {
        members.append(Member(name: name, value: value))
    }

    /// The member of that name; nil when it is absent or null, which Lambda takes for the same.
    package subscript(name: String) -> JSONValue? {
        guard let member = members.last(where: { $0.name == name }) else { return nil }
        if case .null = member.value { return nil }
        return member.value
    }
}
