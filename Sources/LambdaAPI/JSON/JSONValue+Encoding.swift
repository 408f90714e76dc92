extension JSONValue: JSONEncodable {
    /// Writes what was parsed, without the white space that was between its tokens.
    package func encode(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.verbatim("null")
        case .bool(let bool): bool.encode(to: &writer)
        case .integer(let integer): integer.encode(to: &writer)
        case .double(let double): double.encode(to: &writer)
        case .string(let text): writer.string(text.string)
        case .array(let values): values.encode(to: &writer)
        case .bytes(let bytes): Blob(bytes).encode(to: &writer)
        case .object(let object):
            writer.object { writer in
                for member in object.members { writer.member(member.name, member.value) }
            }
        }
    }
}
