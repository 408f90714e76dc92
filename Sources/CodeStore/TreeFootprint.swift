/// What a directory tree takes on the disk, near enough: whole blocks, and for every directory and link one, which stands for
/// the inode too. A package of a hundred thousand empty files takes more than its content.
struct TreeFootprint: Hashable {
    private static let blockSize = 4096

    private(set) var bytes = TreeFootprint.blockSize

    /// Counts a file of so many bytes.
    mutating func addFile(size: Int) {
        bytes += max(1, (size + Self.blockSize - 1) / Self.blockSize) * Self.blockSize
    }

    /// Counts a directory or a link.
    mutating func addName() {
        bytes += Self.blockSize
    }
}
