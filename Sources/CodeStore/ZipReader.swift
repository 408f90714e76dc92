import CArchive
import Glibc

/// Reads a zip archive that is in memory, entry by entry.
///
/// The archive is from a stranger: whatever is not a file, directory or symbolic link, is encrypted, has a name that is
/// not UTF-8, or does not match its checksum, ends the reading with an error. To be used within ``withUnicodeLocale(_:)``.
///
/// Two things are libarchive's: a named pipe is read as an ordinary file, and a name that is marked as Unicode has its
/// accents composed (normalisation form C).
struct ZipReader: ~Copyable {
    struct Entry {
        enum Kind {
            case file
            case directory
            case symbolicLink(target: String)
        }

        let path: String
        let kind: Kind
        /// The permission bits, nil if the archive has none.
        let permissions: mode_t?
    }

    private let archive: OpaquePointer

    private init(archive: OpaquePointer) {
        self.archive = archive
    }

    /// What an archive begins with that has no entries: the record that otherwise stands at the end.
    private static let emptyArchiveSignature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]

    /// Opens an archive. `bytes` must stay valid as long as the reader is used.
    static func open(_ bytes: UnsafeRawBufferPointer) throws(CodeStoreError) -> ZipReader {
        guard !bytes.isEmpty, !bytes.starts(with: emptyArchiveSignature) else {
            throw CodeStoreError(.emptyArchive, "failed to open the archive: it is empty")
        }
        guard let archive = archive_read_new() else {
            throw CodeStoreError(.unavailable, "failed to open the archive: no memory")
        }
        let reader = ZipReader(archive: archive)
        // By its directory at the end, never entry by entry from the start: otherwise an archive whose end is cut off would
        // pass for a whole one, and one could show two contents to two readers.
        archive_read_support_format_zip_seekable(archive)
        guard archive_read_open_memory(archive, bytes.baseAddress, bytes.count) == ARCHIVE_OK else {
            throw reader.invalid("open the archive")
        }
        return reader
    }

    deinit {
        archive_read_free(archive)
    }

    /// The next entry, or nil at the end.
    mutating func nextEntry() throws(CodeStoreError) -> Entry? {
        var handle: OpaquePointer?
        switch archive_read_next_header(archive, &handle) {
        case ARCHIVE_EOF:
            return nil
        case ARCHIVE_OK, ARCHIVE_WARN:
            break
        default:
            throw invalid("read the next entry")
        }
        guard let handle, let name = archive_entry_pathname_utf8(handle) else {
            throw CodeStoreError(.invalidArchive, "failed to read an entry: its name is not UTF-8")
        }
        let path = String(cString: name)
        guard archive_entry_is_encrypted(handle) == 0 else {
            throw CodeStoreError(.invalidArchive, "failed to read entry \(path): it is encrypted")
        }
        let mode = archive_entry_perm(handle)
        return Entry(path: path, kind: try Self.kind(of: handle, path), permissions: mode == 0 ? nil : mode & 0o777)
    }

    /// Passes the current entry's content on in pieces; a piece is valid during the call only.
    mutating func readContent(
        _ consume: (UnsafeRawBufferPointer) throws(CodeStoreError) -> Void
    ) throws(CodeStoreError) {
        let capacity = 64 << 10
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = archive_read_data(archive, buffer.baseAddress, capacity)
            guard count >= 0 else { throw invalid("read an entry's content") }
            guard count > 0 else { return }
            try consume(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    private static func kind(of handle: OpaquePointer, _ path: String) throws(CodeStoreError) -> Entry.Kind {
        if archive_entry_hardlink(handle) != nil {
            throw CodeStoreError(.invalidArchive, "failed to read entry \(path): it is a hard link")
        }
        switch archive_entry_filetype(handle) {
        case S_IFREG:
            return .file
        case S_IFDIR:
            return .directory
        case S_IFLNK:
            guard let target = archive_entry_symlink_utf8(handle) else {
                throw CodeStoreError(.invalidArchive, "failed to read entry \(path): its target is not UTF-8")
            }
            return .symbolicLink(target: String(cString: target))
        default:
            throw CodeStoreError(
                .invalidArchive,
                "failed to read entry \(path): it is neither file, directory nor symbolic link"
            )
        }
    }

    private func invalid(_ operation: String) -> CodeStoreError {
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
        return CodeStoreError(.invalidArchive, "failed to \(operation): \(reason)")
    }
}
