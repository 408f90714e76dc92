/// What the service model says about a value in a request: its type and its constraints.
///
/// The shapes of all requests stand in ``Shapes``, generated from the model. Lengths are UTF-16 code units of strings,
/// bytes of blobs, elements of lists and entries of maps.
package final class Shape: Sendable {
    /// The type, with the constraints that it can have.
    package enum Kind: Sendable {
        case string(length: Bounds<Int>, pattern: Pattern?, values: [String])
        case blob(length: Bounds<Int>)
        case boolean
        /// A whole number; the name is how AWS's messages call the type.
        case integer(range: Bounds<Int>, typeName: String)
        case double(range: Bounds<Double>)
        case timestamp
        case list(of: Shape, length: Bounds<Int>)
        case map(keys: Shape, values: Shape, length: Bounds<Int>)
        case structure([Member])
    }

    /// An inclusive range that may be open on either side.
    package struct Bounds<Value: Comparable & Sendable>: Sendable {
        package let min: Value?
        package let max: Value?
    }

    package let kind: Kind
    /// Whether a value, or anything in it, must stay out of messages and logs.
    package let isSensitive: Bool

    private init(_ kind: Kind, isSensitive: Bool = false) {
        self.kind = kind
        self.isSensitive = isSensitive
    }
}

/// A member of a structure.
package struct Member: Sendable {
    /// Where a request has the member.
    package enum Location: Sendable {
        case body
        /// The whole body is this one member.
        case payload
        case path
        case query(String)
        case header(String)
    }

    package let name: String
    package let shape: Shape
    package let isRequired: Bool
    package let location: Location

    /// A member as the generated tables have it.
    package init(_ name: String, _ shape: Shape, required: Bool = false, in location: Location = .body) {
        self.name = name
        self.shape = shape
        self.isRequired = required
        self.location = location
    }

    /// The name as AWS's messages write it, with its first letter in lower case: `kMSKeyArn`.
    package var messageName: String { name.prefix(1).lowercased() + name.dropFirst() }
}

// MARK: - What the generated tables are written with

extension Shape {
    /// Text, measured in UTF-16 code units.
    package static func string(
        min: Int? = nil,
        max: Int? = nil,
        pattern: String? = nil,
        values: [String] = [],
        sensitive: Bool = false
    ) -> Shape {
        let length = Bounds(min: min, max: max)
        let kind = Kind.string(length: length, pattern: pattern.map { Pattern($0) }, values: values)
        return Shape(kind, isSensitive: sensitive)
    }

    /// Bytes, which travel as base64.
    package static func blob(min: Int? = nil, max: Int? = nil, sensitive: Bool = false) -> Shape {
        Shape(.blob(length: Bounds(min: min, max: max)), isSensitive: sensitive)
    }

    /// True or false.
    package static func boolean() -> Shape {
        Shape(.boolean)
    }

    /// A whole number that messages call an Integer.
    package static func integer(min: Int? = nil, max: Int? = nil) -> Shape {
        Shape(.integer(range: Bounds(min: min, max: max), typeName: "an Integer"))
    }

    /// A whole number that messages call a Long.
    package static func long(min: Int? = nil, max: Int? = nil) -> Shape {
        Shape(.integer(range: Bounds(min: min, max: max), typeName: "a Long"))
    }

    /// Any number.
    package static func double(min: Double? = nil, max: Double? = nil) -> Shape {
        Shape(.double(range: Bounds(min: min, max: max)))
    }

    /// A moment.
    package static func timestamp() -> Shape {
        Shape(.timestamp)
    }

    /// Elements of one shape.
    package static func list(of element: Shape, min: Int? = nil, max: Int? = nil) -> Shape {
        Shape(.list(of: element, length: Bounds(min: min, max: max)), isSensitive: element.isSensitive)
    }

    /// Values of one shape by name.
    package static func map(
        keys: Shape,
        values: Shape,
        min: Int? = nil,
        max: Int? = nil,
        sensitive: Bool = false
    ) -> Shape {
        Shape(
            .map(keys: keys, values: values, length: Bounds(min: min, max: max)),
            isSensitive: sensitive || keys.isSensitive || values.isSensitive
        )
    }

    /// Members of shapes of their own.
    package static func structure(_ members: [Member]) -> Shape {
        Shape(.structure(members), isSensitive: members.contains { $0.shape.isSensitive })
    }
}
