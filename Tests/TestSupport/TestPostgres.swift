import Foundation

/// The server that `scripts/with-postgres` runs tests beside.
package enum TestPostgres {
    /// Nil where tests are run without one.
    package static let server = ProcessInfo.processInfo.environment["SWIFTLET_TEST_POSTGRES"]

    /// A schema of a test's own: the one that belongs to its directory.
    package static func schema(for directory: TemporaryDirectory) -> String {
        let name = directory.path.split(separator: "/").last.map(String.init) ?? ""
        return String(name.lowercased().map { $0.isLetter || $0.isWholeNumber ? $0 : "_" })
    }

    /// The server's address, for connections that have the schema's name.
    package static func address(for directory: TemporaryDirectory) -> String {
        "\(server ?? "") application_name=\(schema(for: directory))"
    }
}
