import CArchive
import Glibc

/// Makes zip archives in memory. The same files always make the same bytes.
package enum ZipWriter {
    /// A regular file of an archive.
    package struct File: Sendable {
        /// Where it is in the archive, such as `lib/module.py`.
        package var path: String
        /// The permission bits.
        package var permissions: UInt32
        package var content: [UInt8]

        package init(path: String, permissions: UInt32, content: [UInt8]) {
            self.path = path
            self.permissions = permissions
            self.content = content
        }
    }

    /// The modification time of every entry, which is none of the files': 1980-01-01, the first that a zip archive can hold.
    private static let modificationTime: time_t = 315_532_800

    /// The archive of these files, in their order.
    package static func archive(of files: [File]) throws(CodeStoreError) -> [UInt8] {
        // What deflate and an archive's two records for each file can add at most, generously.
        let capacity = files.reduce(4096) { $0 + $1.content.count * 17 / 16 + 4 * $1.path.utf8.count + 1024 }
        var bytes = [UInt8](repeating: 0, count: capacity)
        let used = try withUnicodeLocale { () throws(CodeStoreError) -> Int in
            try write(files, into: &bytes)
        }
        return Array(bytes.prefix(used))
    }

    private static func write(_ files: [File], into bytes: inout [UInt8]) throws(CodeStoreError) -> Int {
        guard let archive = archive_write_new() else {
            throw CodeStoreError(.unavailable, "failed to make an archive: no memory")
        }
        defer { archive_write_free(archive) }
        archive_write_set_format_zip(archive)
        archive_write_set_options(archive, "zip:hdrcharset=UTF-8")
        var used = 0
        // Both pointers are used until the archive is closed.
        let isWritten = bytes.withUnsafeMutableBytes { buffer in
            withUnsafeMutablePointer(to: &used) { used in
                archive_write_open_memory(archive, buffer.baseAddress, buffer.count, used) == ARCHIVE_OK
                    && files.allSatisfy { write($0, to: archive) }
                    && archive_write_close(archive) == ARCHIVE_OK
            }
        }
        guard isWritten else {
            let reason = archive_error_string(archive).map { String(cString: $0) } ?? "no reason is known"
            throw CodeStoreError(.unavailable, "failed to make an archive: \(reason)")
        }
        return used
    }

    private static func write(_ file: File, to archive: OpaquePointer) -> Bool {
        guard let entry = archive_entry_new() else { return false }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname_utf8(entry, file.path)
        archive_entry_set_filetype(entry, S_IFREG)
        archive_entry_set_perm(entry, file.permissions)
        archive_entry_set_size(entry, Int64(file.content.count))
        archive_entry_set_mtime(entry, modificationTime, 0)
        guard archive_write_header(archive, entry) == ARCHIVE_OK else { return false }
        return file.content.withUnsafeBytes {
            archive_write_data(archive, $0.baseAddress, $0.count) == $0.count
        }
    }
}
