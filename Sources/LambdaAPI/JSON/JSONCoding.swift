import FoundationEssentials

/// A value that can be read from JSON of the right shape.
package protocol JSONDecodable {
    /// Throws when the JSON has another shape. For a request the model's checks run first and give AWS's texts, so there
    /// it means a defect here.
    init(json: JSONValue) throws(JSONShapeError)
}

/// JSON that has another shape than the type that is to be read from it.
package struct JSONShapeError: Error, Hashable, CustomStringConvertible {
    /// What should have been there.
    package let expected: String
    /// The names of the members on the way to the place, outermost first.
    package private(set) var path: [String] = []

    init(expected: String) {
        self.expected = expected
    }

    fileprivate func within(_ name: String) -> JSONShapeError {
        var error = self
        error.path.insert(name, at: 0)
        return error
    }

    package var description: String {
        "failed to read JSON: expected \(expected) at \(path.isEmpty ? "the top" : path.joined(separator: "."))"
    }
}

/// A value that can be written as JSON, as the service model has it.
package protocol JSONEncodable {
    /// Writes this one value.
    func encode(to writer: inout JSONWriter)
}

/// Both ways.
package typealias JSONCodable = JSONDecodable & JSONEncodable

extension JSONObject {
    /// The member of that name, which must be there.
    package func required<Value: JSONDecodable>(_ name: String) throws(JSONShapeError) -> Value {
        guard let value: Value = try optional(name) else { throw JSONShapeError(expected: "a value").within(name) }
        return value
    }

    /// The member of that name; nil when it is absent or null.
    package func optional<Value: JSONDecodable>(_ name: String) throws(JSONShapeError) -> Value? {
        guard let json = self[name] else { return nil }
        do {
            return try Value(json: json)
        } catch {
            throw error.within(name)
        }
    }
}

extension JSONObject: JSONDecodable {
    package init(json: JSONValue) throws(JSONShapeError) {
        guard case .object(let object) = json else { throw JSONShapeError(expected: "an object") }
        self = object
    }
}

extension String: JSONCodable {
    package init(json: JSONValue) throws(JSONShapeError) {
        guard case .string(let text) = json else { throw JSONShapeError(expected: "a string") }
        self = text.string
    }

    package func encode(to writer: inout JSONWriter) { writer.string(self) }
}

extension Bool: JSONCodable {
    package init(json: JSONValue) throws(JSONShapeError) {
        guard case .bool(let value) = json else { throw JSONShapeError(expected: "a boolean") }
        self = value
    }

    package func encode(to writer: inout JSONWriter) { writer.verbatim(self ? "true" : "false") }
}

extension Int: JSONCodable {
    /// Cuts a fraction off, as AWS does.
    package init(json: JSONValue) throws(JSONShapeError) {
        switch json {
        case .integer(let integer): self = integer
        case .double(let double):
            guard let integer = Int(exactly: double.rounded(.towardZero)) else {
                throw JSONShapeError(expected: "an integer")
            }
            self = integer
        default: throw JSONShapeError(expected: "an integer")
        }
    }

    package func encode(to writer: inout JSONWriter) { writer.verbatim(String(self)) }
}

extension Double: JSONCodable {
    package init(json: JSONValue) throws(JSONShapeError) {
        switch json {
        case .integer(let integer): self = Double(integer)
        case .double(let double): self = double
        default: throw JSONShapeError(expected: "a number")
        }
    }

    package func encode(to writer: inout JSONWriter) { writer.verbatim(String(self)) }
}

extension Array: JSONDecodable where Element: JSONDecodable {
    package init(json: JSONValue) throws(JSONShapeError) {
        guard case .array(let values) = json else { throw JSONShapeError(expected: "an array") }
        self.init()
        reserveCapacity(values.count)
        for value in values {
            append(try Element(json: value))
        }
    }
}

extension Array: JSONEncodable where Element: JSONEncodable {
    package func encode(to writer: inout JSONWriter) {
        writer.array { writer in
            for element in self { element.encode(to: &writer) }
        }
    }
}

extension Dictionary: JSONDecodable where Key == String, Value: JSONDecodable {
    package init(json: JSONValue) throws(JSONShapeError) {
        guard case .object(let object) = json else { throw JSONShapeError(expected: "an object") }
        self.init(minimumCapacity: object.members.count)
        for member in object.members {
            self[member.name] = try Value(json: member.value)
        }
    }
}

extension Dictionary: JSONEncodable where Key == String, Value: JSONEncodable {
    /// Members go by name, so that the same value is always the same bytes.
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            for name in keys.sorted() { writer.member(name, self[name]) }
        }
    }
}

/// Bytes that travel as base64.
package struct Blob: Hashable, Sendable, JSONCodable {
    package let bytes: [UInt8]

    /// Wraps bytes.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Decodes base64 with padding and nothing else in it.
    package init?(base64 text: JSONText) {
        // Foundation refuses padding everywhere but in a last group such as `AA=A`.
        let end = text.utf8.suffix(2)
        if end.first == UInt8(ascii: "="), end.last != UInt8(ascii: "=") { return nil }
        let decoded: Data? = text.utf8.withUnsafeBytes { encoded in
            guard let start = encoded.baseAddress else { return Data() }
            // The view ends with this closure and Data only reads it, so the constness that is cast away is kept.
            let view = UnsafeMutableRawPointer(mutating: start)
            return Data(base64Encoded: Data(bytesNoCopy: view, count: encoded.count, deallocator: .none))
        }
        guard let decoded else { return nil }
        bytes = Array(decoded)
    }

    package init(json: JSONValue) throws(JSONShapeError) {
        if case .bytes(let bytes) = json {
            self.init(bytes)
        } else if case .string(let text) = json, let blob = Blob(base64: text) {
            self = blob
        } else {
            throw JSONShapeError(expected: "base64")
        }
    }

    package func encode(to writer: inout JSONWriter) {
        writer.string(Data(bytes).base64EncodedString())
    }
}
