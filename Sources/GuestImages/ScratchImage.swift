import Sandbox

/// An empty disk for a guest's `/tmp`.
package enum ScratchImage {
    /// - Parameters:
    ///   - bytes: What can be filled of it.
    ///   - path: Where the disk goes; there must be no file.
    package static func make(bytes: Int, at path: String) throws(GuestImageError) {
        let size = "\(TemporaryFileSystem.fileBytes(filling: bytes) / 1024)k"
        try Tool("mkfs.ext4").run(TemporaryFileSystem.makerArguments(filling: bytes) + [path, size])
    }
}
