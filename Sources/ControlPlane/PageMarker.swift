import Foundation
import LambdaAPI

/// Where a page of a list ends, as an opaque text: the name of its last function, or whatever else the list is ordered
/// by. A marker stays good while entries come and go.
struct PageMarker {
    /// The last entry's name.
    let last: String

    init(_ name: FunctionName) {
        last = name.rawValue
    }

    init(after last: String) {
        self.last = last
    }

    /// Reads a marker that a client sends back. Throws `InvalidParameterValueException` for any other text.
    init(_ text: String) throws(LambdaError) {
        guard let data = Data(base64Encoded: text), let last = String(validating: data, as: UTF8.self) else {
            throw Self.invalid(text)
        }
        self.last = last
    }

    static func invalid(_ text: String) -> LambdaError {
        .invalidParameterValue("Invalid pagination marker: \(text.prefix(100))")
    }

    var name: FunctionName { FunctionName(last) }

    var text: String {
        Data(last.utf8).base64EncodedString()
    }
}
