/// A Debian package in a file.
package struct DebianPackage: Hashable, Sendable, Comparable {
    package let name: String
    package let version: String
    /// Its path.
    let file: String

    /// - Parameter file: Its path; the file is named as apt does: name, version and architecture, with underscores between.
    init?(file: String) {
        guard let base = file.split(separator: "/").last, base.hasSuffix(".deb") else { return nil }
        let parts = base.dropLast(".deb".count).split(separator: "_")
        guard parts.count == 3 else { return nil }
        name = String(parts[0])
        // A colon cannot be part of a file's name everywhere.
        version = String(parts[1]).split(separator: "%3a", omittingEmptySubsequences: false).joined(separator: ":")
        self.file = file
    }

    package static func < (left: DebianPackage, right: DebianPackage) -> Bool { left.name < right.name }
}
