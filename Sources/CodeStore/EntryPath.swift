/// The path of an archive's entry below the directory that it is unpacked into.
struct EntryPath: Equatable, CustomStringConvertible {
    /// The longest path, in bytes: with the path of the store in front of it, it must still be one that the system takes,
    /// or what is unpacked could not be removed again.
    private static let lengthMax = 2048
    /// The longest name of a file system.
    private static let nameLengthMax = 255

    /// The names of the directories on the way and of the entry itself; empty for the directory itself.
    let components: [String]

    /// Throws for a path that is absolute, leads out of the directory or is too long.
    init(_ text: String) throws(CodeStoreError) {
        guard !text.hasPrefix("/") else {
            throw CodeStoreError(.invalidArchive, "failed to unpack entry \(text): its path is absolute")
        }
        components = text.split(separator: "/").map(String.init).filter { $0 != "." }
        guard !components.contains("..") else {
            throw CodeStoreError(.invalidArchive, "failed to unpack entry \(text): its path leads upwards")
        }
        guard text.utf8.count <= Self.lengthMax, components.allSatisfy({ $0.utf8.count <= Self.nameLengthMax }) else {
            throw CodeStoreError(.invalidArchive, "failed to unpack entry \(text.prefix(100))…: its path is too long")
        }
    }

    var description: String { components.joined(separator: "/") }
}
