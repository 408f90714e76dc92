import Foundation
import MetadataStorePostgres
import TestSupport

/// The server that `scripts/with-postgres` runs tests beside.
enum TestPostgres {
    static let address = ProcessInfo.processInfo.environment["SWIFTLET_TEST_POSTGRES"]

    /// A schema of a test's own: the one that belongs to its directory. Connections that use it have its name.
    static func settings(for directory: TemporaryDirectory) -> PostgresSettings {
        let name = directory.path.split(separator: "/").last.map(String.init) ?? ""
        let schema = String(name.lowercased().map { $0.isLetter || $0.isWholeNumber ? $0 : "_" })
        let address = "\(address ?? "") application_name=\(schema)"
        return PostgresSettings(address: address, schema: schema, connectionsMax: 4)
    }
}
