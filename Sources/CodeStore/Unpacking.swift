import Glibc

/// Writes the content of an archive below one directory.
///
/// Every path is walked from the directory's descriptor, one name at a time and without following links, so that no
/// archive can write anywhere else, whatever its entries are called and in whatever order they come. Two entries of one
/// name are refused, because readers disagree on which of them counts.
///
/// Files are the service's own. Everybody may read them, whatever the archive says, because the function runs as a user
/// that owns none of them; nobody else may write them, and none gives its user privileges. Who may execute them is
/// the archive's to say.
struct Unpacking: ~Copyable {
    private static let defaultPermissions: mode_t = 0o644

    private let root: CInt
    private let contentSizeMax: Int
    private let entriesMax: Int
    private var contentSize = 0
    private var entryCount = 0
    private var links = SymbolicLinks()
    /// What the tree takes on the disk.
    private(set) var footprint = TreeFootprint()

    /// - Parameters:
    ///   - contentSizeMax: The most bytes that all files may have together.
    ///   - entriesMax: The most files, links and directories. Directories that are made on the way to a file count, too:
    ///     one entry can need a thousand.
    init(into directory: String, contentSizeMax: Int, entriesMax: Int) throws(CodeStoreError) {
        let root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw Self.failure("open", directory, .unavailable) }
        self.root = root
        self.contentSizeMax = contentSizeMax
        self.entriesMax = entriesMax
    }

    deinit {
        close(root)
    }

    /// Unpacks the whole archive. After an error the directory holds a part of it.
    mutating func unpack(_ bytes: UnsafeRawBufferPointer) throws(CodeStoreError) {
        var reader = try ZipReader.open(bytes)
        while let entry = try reader.nextEntry() {
            try countEntry()
            let path = try EntryPath(entry.path)
            switch entry.kind {
            case .directory:
                close(try openDirectory(path.components[...]))
            case .symbolicLink(let target):
                try makeLink(path, to: target)
            case .file:
                try writeFile(path, permissions: entry.permissions ?? Self.defaultPermissions, from: &reader)
            }
        }
        guard entryCount > 0 else {
            throw CodeStoreError(.emptyArchive, "failed to unpack: the archive is empty")
        }
        try links.checkThatAllStayInside()
    }

    private mutating func countEntry() throws(CodeStoreError) {
        entryCount += 1
        guard entryCount <= entriesMax else {
            throw CodeStoreError(.invalidArchive, "failed to unpack: there are more than \(entriesMax) entries")
        }
    }

    private mutating func countContent(_ bytes: Int) throws(CodeStoreError) {
        contentSize += bytes
        guard contentSize <= contentSizeMax else {
            throw CodeStoreError(
                .contentTooLarge,
                "failed to unpack: the content is larger than \(contentSizeMax) bytes"
            )
        }
    }

    /// Opens a directory on the way to an entry, making what is missing. The caller closes it.
    private mutating func openDirectory(_ components: ArraySlice<String>) throws(CodeStoreError) -> CInt {
        var directory = fcntl(root, F_DUPFD_CLOEXEC, 0)
        guard directory >= 0 else { throw Self.failure("open", "the directory", .unavailable) }
        for name in components {
            do throws(CodeStoreError) {
                if mkdirat(directory, name, 0o755) == 0 {
                    // The process's mask does not count here.
                    fchmodat(directory, name, 0o755, 0)
                    footprint.addName()
                    try countEntry()
                }
                let next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard next >= 0 else { throw Self.failure("make directory", name) }
                close(directory)
                directory = next
            } catch {
                close(directory)
                throw error
            }
        }
        return directory
    }

    private mutating func makeLink(_ path: EntryPath, to target: String) throws(CodeStoreError) {
        guard let name = path.components.last else {
            throw CodeStoreError(.invalidArchive, "failed to unpack a link: it has no name")
        }
        try links.add(path, to: target)
        try countContent(target.utf8.count)
        let directory = try openDirectory(path.components.dropLast())
        defer { close(directory) }
        guard symlinkat(target, directory, name) == 0 else { throw Self.failure("make link", name) }
        footprint.addName()
    }

    private mutating func writeFile(
        _ path: EntryPath,
        permissions: mode_t,
        from reader: inout ZipReader
    ) throws(CodeStoreError) {
        guard let name = path.components.last else {
            throw CodeStoreError(.invalidArchive, "failed to unpack a file: it has no name")
        }
        let directory = try openDirectory(path.components.dropLast())
        defer { close(directory) }
        let file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("create file", name) }
        defer { close(file) }
        let sizeBefore = contentSize
        try reader.readContent { piece throws(CodeStoreError) in
            try countContent(piece.count)
            try Self.write(piece, to: file, name)
        }
        footprint.addFile(size: contentSize - sizeBefore)
        let granted = permissions & 0o755 | 0o444
        guard fchmod(file, granted) == 0 else { throw Self.failure("set permissions of", name) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to file: CInt, _ name: String) throws(CodeStoreError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(file, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("write file", name, .unavailable) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// An error of the system: the disk's when it is full or broken, otherwise the archive's.
    private static func failure(
        _ operation: String,
        _ name: String,
        _ code: CodeStoreError.Code = .invalidArchive
    ) -> CodeStoreError {
        let error = errno
        let isDisk = [ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE, ENOMEM, EACCES].contains(error)
        return CodeStoreError(
            isDisk ? .unavailable : code,
            "failed to \(operation) \(name): \(String(cString: strerror(error)))",
            isOutOfSpace: StoreFiles.isOutOfSpace(error)
        )
    }
}
