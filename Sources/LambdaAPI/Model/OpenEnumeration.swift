/// An enumeration of the service model, open to values that it did not have when it was read.
package protocol OpenEnumeration: RawRepresentable, Hashable, Sendable, CustomStringConvertible, JSONCodable, Codable
where RawValue == String {
    /// Every value of the model, in its order.
    static var allValues: [Self] { get }

    init(rawValue: String)
}

extension OpenEnumeration {
    package var description: String { rawValue }

    package init(json: JSONValue) throws(JSONShapeError) {
        self.init(rawValue: try String(json: json))
    }

    package func encode(to writer: inout JSONWriter) { writer.string(rawValue) }
}
