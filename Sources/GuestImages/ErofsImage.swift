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
}
