import Foundation
import LambdaAPI

/// Where a page of a list ends, as an opaque text: the name of its last entry, and the number of its last version where
/// versions are listed. A marker stays good while functions come and go.
struct PageMarker {
    let name: FunctionName
    /// Versions up to this one have been listed; nil if the whole function has.
    let version: Int?

    init(_ name: FunctionName, version: Int? = nil) {
        self.name = name
        self.version = version
    }

    /// Reads a marker that a client sends back. Throws `InvalidParameterValueException` for any other text.
    init(_ text: String) throws(LambdaError) {
        guard let data = Data(base64Encoded: text), let decoded = String(validating: data, as: UTF8.self) else {
            throw Self.invalid(text)
        }
        let parts = decoded.split(separator: ":", omittingEmptySubsequences: false)
        name = FunctionName(String(parts[0]))
        guard parts.count > 1 else {
            version = nil
            return
        }
        guard parts.count == 2, let version = Int(parts[1]) else { throw Self.invalid(text) }
        self.version = version
    }

    private static func invalid(_ text: String) -> LambdaError {
        .invalidParameterValue("Invalid pagination marker: \(text.prefix(100))")
    }

    var text: String {
        Data("\(name)\(version.map { ":\($0)" } ?? "")".utf8).base64EncodedString()
    }
}
