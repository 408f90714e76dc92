/// The file system of a sandbox's `/tmp`, of whatever kind: ext4 without a journal, for it is never used again.
package enum TemporaryFileSystem {
    /// How many inodes one has in which a function can fill so many bytes.
    private static func inodeCount(filling bytes: Int) -> Int { max(16384, bytes / 32768) }

    /// The size of its file or device. What the file system needs for itself comes on top: inodes of 256 bytes, bitmaps and tables
    /// of extents, and the blocks that ext4 sets aside so that delayed allocation cannot fail, 2 % and at most 4096 blocks.
    package static func fileBytes(filling bytes: Int) -> Int {
        let overhead = inodeCount(filling: bytes) * 256 + bytes / 256 + min(bytes / 50, 16 << 20) + (4 << 20)
        return (bytes + overhead) & ~0xfff
    }

    /// What `mkfs.ext4` is told, before the path.
    ///
    /// - Parameter owner: The user and group that own the root directory.
    package static func makerArguments(filling bytes: Int, owner: UInt32 = 0) -> [String] {
        [
            "-q", "-F", "-b", "4096", "-m", "0", "-N", "\(inodeCount(filling: bytes))", "-I", "256",
            "-O", "^has_journal,^resize_inode",
            "-E", "lazy_itable_init=1,nodiscard,root_owner=\(owner):\(owner)",
        ]
    }
}
