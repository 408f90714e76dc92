import Foundation

/// A directory as an image of a file system that guests mount read-only.
///
/// EROFS, not compressed: guests then read pages as they are, which costs less than the room that compression saves, and all
/// guests of one image share them on the host. Same files, same bytes: owners are root, times and identifiers fixed.
package enum ErofsImage {
    /// Owners are root in all images: a function may not write to any of its files anyway.
    ///
    /// - Parameters:
    ///   - directory: What is to be its root.
    ///   - path: Where the image goes; there must be no file.
    package static func make(of directory: String, at path: String) throws(GuestImageError) {
        try Tool("mkfs.erofs").run([
            "--quiet", "--all-root", "-T0", "-U00000000-0000-0000-0000-000000000001", "-x-1", path, directory,
        ])
    }

    /// Whether there is an image that is as long as it says. One that was not written to its end, as when the host lost its power,
    /// is mounted nevertheless, and fails wherever a guest misses something.
    package static func isWhole(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }
        // Of the superblock: the magic number, the binary logarithm of a block's size, and how many blocks there are.
        guard (try? file.seek(toOffset: 1024)) != nil, let read = try? file.read(upToCount: 40), read.count == 40,
            let bytes = try? file.seekToEnd()
        else {
            return false
        }
        let superblock = [UInt8](read)
        func number(at offset: Int) -> UInt64 {
            superblock[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        return number(at: 0) == 0xE0F5_E1E2 && number(at: 36) << superblock[12] <= bytes
    }
}
