import FoundationEssentials
import Glibc

/// Operations on what is in a tree. None follows a link at the end of its path.
extension StoreFiles {
    enum Kind: Equatable {
        case directory
        case link
        /// An ordinary file, and its size in bytes.
        case file(size: Int)
    }

    /// What there is at a path, nil if there is nothing.
    static func kind(of path: String) -> Kind? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFDIR: .directory
        case S_IFLNK: .link
        default: .file(size: Int(status.st_size))
        }
    }

    /// When what a directory itself holds was last changed, in seconds since the epoch; 0 if that cannot be told.
    static func changeTime(of path: String) -> Int {
        var status = stat()
        return lstat(path, &status) == 0 ? Int(status.st_mtim.tv_sec) : 0
    }

    /// The target as it stands in the link.
    static func targetOfLink(_ path: String) throws(CodeStoreError) -> String {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: path)
        } catch {
            throw CodeStoreError(.unavailable, "failed to read link \(path): \(error)")
        }
    }

    /// Copies a file or link with its permissions to a path where there is nothing.
    static func copy(_ source: String, to path: String) throws(CodeStoreError) {
        do {
            try FileManager.default.copyItem(atPath: source, toPath: path)
        } catch {
            throw CodeStoreError(
                .unavailable,
                "failed to copy \(source) to \(path): \(error)",
                isOutOfSpace: (error as? CocoaError)?.code == .fileWriteOutOfSpace
            )
        }
    }
}
