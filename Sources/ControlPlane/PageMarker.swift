import Foundation
import LambdaAPI

/// Where a page of a list ends, as an opaque text: the name of its last function. A marker stays good while functions
/// come and go.
struct PageMarker {
    let name: FunctionName

    init(_ name: FunctionName) {
        self.name = name
    }

    /// Reads a marker that a client sends back. Throws `InvalidParameterValueException` for any other text.
    init(_ text: String) throws(LambdaError) {
        guard let data = Data(base64Encoded: text), let name = String(validating: data, as: UTF8.self) else {
            throw .invalidParameterValue("Invalid pagination marker: \(text.prefix(100))")
        }
        self.name = FunctionName(name)
    }

    var text: String {
        Data(name.rawValue.utf8).base64EncodedString()
    }
}
