import Glibc

/// Lays directory trees over each other, in one directory: directories are merged; everything else that stands in the way
/// of what a later tree has at the same path is replaced.
///
/// Files are not copied but get another name (a hard link), so that merging costs no space and little time: what has been
/// unpacked never changes. No link is followed, neither of the trees nor in the result: it is replaced like a file, be it
/// by a directory.
struct TreeMerge {
    private let target: String
    private let entriesMax: Int
    private var entryCount = 0

    /// - Parameters:
    ///   - directory: Empty before the first tree is added; nobody else may change it, nor the trees.
    ///   - entriesMax: The most files, links and directories of all trees together, those that are replaced included.
    init(into directory: String, entriesMax: Int) {
        target = directory
        self.entriesMax = entriesMax
    }

    /// Adds a tree on top of those before it. After an error the directory holds a part of it.
    mutating func add(_ source: String) throws(CodeStoreError) {
        // The directories still to do, as paths from the root; each is a directory in the source and in the target.
        var waiting = [""]
        while let directory = waiting.popLast() {
            for name in try StoreFiles.names(in: source + directory) {
                let path = "\(directory)/\(name)"
                try countEntry()
                if StoreFiles.kind(of: source + path) == .directory {
                    try makeDirectory(target + path)
                    waiting.append(path)
                } else {
                    try link(source + path, as: target + path)
                }
            }
        }
    }

    private mutating func countEntry() throws(CodeStoreError) {
        entryCount += 1
        guard entryCount <= entriesMax else {
            throw CodeStoreError(
                .incompatibleLayers,
                "failed to merge: there are more than \(entriesMax) entries"
            )
        }
    }

    /// Makes a directory unless there is one already, a link to one not being one.
    private func makeDirectory(_ path: String) throws(CodeStoreError) {
        if let kind = StoreFiles.kind(of: path) {
            guard kind != .directory else { return }
            guard unlink(path) == 0 else { throw StoreFiles.failure("replace", path) }
        }
        // The process's mask does not count here.
        guard mkdir(path, 0o755) == 0, chmod(path, 0o755) == 0 else {
            throw StoreFiles.failure("make directory", path)
        }
    }

    private func link(_ source: String, as path: String) throws(CodeStoreError) {
        if linkat(AT_FDCWD, source, AT_FDCWD, path, 0) == 0 { return }
        if errno == EEXIST {
            try StoreFiles.remove(path)
            if linkat(AT_FDCWD, source, AT_FDCWD, path, 0) == 0 { return }
        }
        // A file has as many names as it can have, or the file system has no hard links.
        guard [EMLINK, EPERM, EXDEV, EOPNOTSUPP].contains(errno) else { throw StoreFiles.failure("link", path) }
        try StoreFiles.copy(source, to: path)
    }
}

/// What is in a directory tree, found without following any link.
struct TreeSurvey {
    /// The sizes of all files and of the links' targets together, in bytes.
    private(set) var contentSize = 0
    /// What the tree takes on the disk.
    private(set) var footprint = TreeFootprint()
    private var links = SymbolicLinks()

    init(of root: String) throws(CodeStoreError) {
        var waiting = [""]
        while let directory = waiting.popLast() {
            for name in try StoreFiles.names(in: root + directory) {
                let path = "\(directory)/\(name)"
                switch StoreFiles.kind(of: root + path) {
                case .directory:
                    footprint.addName()
                    waiting.append(path)
                case .link:
                    let link = try StoreFiles.targetOfLink(root + path)
                    contentSize += link.utf8.count
                    footprint.addName()
                    try links.add(EntryPath(String(path.dropFirst())), to: link)
                case .file(let size):
                    contentSize += size
                    footprint.addFile(size: size)
                case nil:
                    throw StoreFiles.failure("find", path)
                }
            }
        }
    }

    /// Throws `.incompatibleLayers` if a link leads out, or if the links are too entangled to tell.
    func checkThatLinksStayInside() throws(CodeStoreError) {
        do throws(CodeStoreError) {
            try links.checkThatAllStayInside()
        } catch {
            throw CodeStoreError(.incompatibleLayers, error.message)
        }
    }
}
