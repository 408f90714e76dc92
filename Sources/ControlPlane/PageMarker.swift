import Foundation
import LambdaAPI

/// Where a page of a list ends, as an opaque text: the name of its last function, or whatever else the list is ordered
/// by. A marker stays good while entries come and go.
struct PageMarker {
    /// The last entry's name.
    let last: String
    /// Where versions are listed, the last entry's number: those of the function up to this one have been listed. Nil if
    /// the whole function has.
    let version: Int?

    init(_ name: FunctionName, version: Int? = nil) {
        last = name.rawValue
        self.version = version
    }

    init(after last: String) {
        self.last = last
        version = nil
    }

    /// Reads a marker that a client sends back. Throws `InvalidParameterValueException` for any other text.
    init(_ text: String) throws(LambdaError) {
        guard let data = Data(base64Encoded: text), let decoded = String(validating: data, as: UTF8.self) else {
            throw Self.invalid(text)
        }
        // No name has a colon.
        let parts = decoded.split(separator: ":", omittingEmptySubsequences: false)
        last = String(parts[0])
        guard parts.count > 1 else {
            version = nil
            return
        }
        guard parts.count == 2, let version = Int(parts[1]) else { throw Self.invalid(text) }
        self.version = version
    }

    /// Reads the marker of a list that is ordered by texts of any kind, such as ARNs.
    init(opaque text: String) throws(LambdaError) {
        guard let data = Data(base64Encoded: text), let decoded = String(validating: data, as: UTF8.self) else {
            throw Self.invalid(text)
        }
        self.init(after: decoded)
    }

    static func invalid(_ text: String) -> LambdaError {
        .invalidParameterValue("Invalid pagination marker: \(text.prefix(100))")
    }

    var name: FunctionName { FunctionName(last) }

    var text: String {
        Data("\(last)\(version.map { ":\($0)" } ?? "")".utf8).base64EncodedString()
    }
}

/// A page of what a record holds by name, in the order of the names.
struct NamedPage<Value> {
    let items: [(name: String, value: Value)]
    /// Where the next page begins, nil if this is the last.
    let nextMarker: String?

    /// - Parameter marker: As a client sends it back. Throws `InvalidParameterValueException` for any other text.
    init(of values: [String: Value], after marker: String?, limit: Int) throws(LambdaError) {
        let start = try marker.map { marker throws(LambdaError) in try PageMarker(marker).last } ?? ""
        let left = values.filter { $0.key > start }.sorted { $0.key < $1.key }
        items = left.prefix(limit).map { (name: $0.key, value: $0.value) }
        nextMarker = left.count > items.count ? items.last.map { PageMarker(after: $0.name).text } : nil
    }
}
