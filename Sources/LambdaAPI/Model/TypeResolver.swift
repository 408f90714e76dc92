/// Reads parsed JSON as a shape of the model: keeps the modelled members, decodes blobs, and refuses wrong types.
///
/// The refusals are the `SerializationException`s of the framework that AWS's services share; they come before any
/// constraint is looked at. Null is as good as absent, and members that the model does not know are dropped.
package enum TypeResolver {
    /// The value with the types of the shape.
    package static func resolve(_ value: JSONValue, as shape: Shape) throws(LambdaError) -> JSONValue {
        switch (shape.kind, value) {
        case (_, .null),
            (.string, .string), (.boolean, .bool), (.blob, .bytes),
            (.integer, .integer), (.double, .double):
            return value
        case (.double, .integer(let integer)):
            // JSON has one kind of number; messages print this one with its point.
            return .double(Double(integer))
        case (.integer, .double):
            guard let integer = try? Int(json: value) else { throw mismatch(value, as: shape) }
            return .integer(integer)
        case (.timestamp, .integer), (.timestamp, .double):
            guard (try? Timestamp(json: value)) != nil else { throw mismatch(value, as: shape) }
            return value
        case (.blob, .string(let text)):
            guard let blob = Blob(base64: text) else { throw mismatch(value, as: shape) }
            return .bytes(blob.bytes)
        case (.list(let element, _), .array(let elements)):
            var resolved: [JSONValue] = []
            resolved.reserveCapacity(elements.count)
            for value in elements { resolved.append(try resolve(value, as: element)) }
            return .array(resolved)
        case (.map(_, let values, _), .object(let object)):
            return .object(try resolveMap(object, values))
        case (.structure(let members), .object(let object)):
            return .object(try resolveStructure(object, members))
        default:
            throw mismatch(value, as: shape)
        }
    }

    /// Reads text from a path, a query or a header as a shape, where numbers and booleans are written out.
    package static func resolve(text: String, as shape: Shape) throws(LambdaError) -> JSONValue {
        switch shape.kind {
        case .integer:
            if let integer = Int(text) { return .integer(integer) }
        case .double:
            if let double = Double(text), double.isFinite { return .double(double) }
        case .boolean:
            if let bool = Bool(text.lowercased()) { return .bool(bool) }
        case .timestamp:
            if Timestamp(rfc3339: text) != nil { return .text(text) }
        default:
            return .text(text)
        }
        throw mismatch(.text(text), as: shape)
    }

    /// Looks members up by name, not the other way round: a body may hold millions that nobody knows.
    private static func resolveStructure(_ object: JSONObject, _ members: [Member]) throws(LambdaError) -> JSONObject {
        let positions = Dictionary(uniqueKeysWithValues: zip(members.map(\.name), members.indices))
        var values = [JSONValue?](repeating: nil, count: members.count)
        for member in object.members {
            if let position = positions[member.name] { values[position] = member.value }
        }
        var resolved = JSONObject()
        for (member, value) in zip(members, values) {
            guard let value else { continue }
            resolved.append(member.name, try resolve(value, as: member.shape))
        }
        return resolved
    }

    private static func resolveMap(_ object: JSONObject, _ values: Shape) throws(LambdaError) -> JSONObject {
        var positions: [String: Int] = [:]
        var entries: [(name: String, value: JSONValue)] = []
        for member in object.members {
            let value = try resolve(member.value, as: values)
            if let position = positions[member.name] {
                entries[position].value = value
            } else {
                positions[member.name] = entries.count
                entries.append((member.name, value))
            }
        }
        var resolved = JSONObject()
        for entry in entries { resolved.append(entry.name, entry.value) }
        return resolved
    }

    private static func mismatch(_ value: JSONValue, as shape: Shape) -> LambdaError {
        let text: String =
            switch (shape.kind, value) {
            case (_, .array): "Start of list found where not expected"
            case (_, .object): "Start of structure or map found where not expected."
            case (.list, _): "Expected list or null"
            case (.map, _): "Expected map or null"
            case (.structure, _): "Expected null"
            case (_, .bool(let bool)): "\(bool ? "TRUE" : "FALSE")_VALUE can not be converted to \(shape.kind.typeName)"
            case (_, .string): "STRING_VALUE can not be converted to \(shape.kind.typeName)"
            default: "NUMBER_VALUE can not be converted to \(shape.kind.typeName)"
            }
        return .serialization(text)
    }
}

extension Shape.Kind {
    fileprivate var typeName: String {
        switch self {
        case .string: "a String"
        case .blob: "a Blob"
        case .boolean: "a Boolean"
        case .integer(_, let typeName): typeName
        case .double: "a Double"
        case .timestamp: "a Timestamp"
        case .list: "a List"
        case .map: "a Map"
        case .structure: "a Structure"
        }
    }
}
