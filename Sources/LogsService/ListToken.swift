import Foundation
import LogsAPI

/// Where a page of a list ends, as an opaque text. It stays good while the list changes.
enum ListToken {
    static func text(_ last: String) -> String {
        Data(last.utf8).base64EncodedString()
    }

    /// Reads a token that a client sends back.
    static func last(_ text: String) throws(LogsError) -> String {
        guard let data = Data(base64Encoded: text), let last = String(validating: data, as: UTF8.self) else {
            throw .invalidToken
        }
        return last
    }
}
