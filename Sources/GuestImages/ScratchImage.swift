/// An empty disk for a guest's `/tmp`: ext4 without a journal, for it is never used again.
package enum ScratchImage {
    /// - Parameter path: Where the disk goes; there must be no file.
    package static func make(bytes: Int, at path: String) throws(GuestImageError) {
        try Tool("mkfs.ext4").run([
            "-q", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1,nodiscard", path, "\(bytes / 1024)k",
        ])
    }
}
