import CodeStore
import Glibc

/// The deployment package of a directory's files. The same files always make the same bytes.
package struct DirectoryPackage: Sendable, Equatable {
    /// The zip archive.
    package let bytes: [UInt8]
    /// The paths in it, in their order.
    package let paths: [String]

    /// What belongs to tools and not to a function.
    private static let ignoredNames: Set<String> = [".git", ".venv", ".swiftlet", ".DS_Store", "__pycache__"]

    /// Whether a file or directory of this name is left out, with all that is below it.
    static func isIgnored(_ name: String) -> Bool {
        ignoredNames.contains(name) || name.hasSuffix("~") || name.hasSuffix(".swp")
    }

    /// Packs a directory: all regular files below it, and what symbolic links to files lead to; links to directories are
    /// not followed.
    ///
    /// - Throws: ``DeveloperError`` when something cannot be read, or there is nothing.
    package init(of directory: String) throws {
        var files: [ZipWriter.File] = []
        try Self.walk(directory, "") { path, isDirectory in
            guard !isDirectory else { return }
            var status = stat()
            // A file that has gone since it was listed is not there.
            guard stat("\(directory)/\(path)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
            files.append(
                ZipWriter.File(
                    path: path,
                    permissions: status.st_mode & 0o777,
                    content: try Self.content(of: "\(directory)/\(path)")
                )
            )
        }
        guard !files.isEmpty else { throw DeveloperError("there are no files in \(directory)") }
        bytes = try ZipWriter.archive(of: files)
        paths = files.map(\.path)
    }

    /// Calls `visit` for every entry below a directory that is not ignored, in the order of the names.
    static func walk(
        _ root: String,
        _ prefix: String,
        _ visit: (_ path: String, _ isDirectory: Bool) throws -> Void
    ) throws {
        guard let stream = opendir("\(root)/\(prefix)") else {
            // Below the root it has gone since it was listed.
            guard prefix.isEmpty else { return }
            throw DeveloperError("\(root): \(String(cString: strerror(errno)))")
        }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != "..", !isIgnored(name) { names.append(name) }
        }
        closedir(stream)
        for name in names.sorted() {
            let path = prefix.isEmpty ? name : "\(prefix)/\(name)"
            var status = stat()
            guard lstat("\(root)/\(path)", &status) == 0 else { continue }
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            try visit(path, isDirectory)
            if isDirectory { try walk(root, path, visit) }
        }
    }

    private static func content(of path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DeveloperError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var content: [UInt8] = []
        while true {
            let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
            }
            guard !chunk.isEmpty else { return content }
            content += chunk
        }
    }
}
