import Glibc
import Sandbox

/// The read-only Linux that every sandbox sees as its root: a few directories and files of our own, and within them the
/// host's programs and libraries.
struct Userland: Sendable {
    /// Where the directories and files of our own are.
    let skeleton: String
    /// Host directories and files, and their places inside.
    let mounts: [(source: String, target: String)]

    /// What is shown of the host where it exists: programs, libraries and the data that these cannot do without.
    private static let hostPaths = [
        "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share/zoneinfo",
        "/usr/share/ca-certificates", "/usr/share/java", "/usr/share/nodejs", "/usr/share/node_modules",
        "/usr/share/perl", "/usr/share/perl5", "/usr/share/python3", "/usr/share/ruby",
        "/usr/share/rubygems-integration",
        "/usr/share/terminfo", "/usr/share/dotnet", "/usr/share/mime", "/etc/ssl", "/etc/pki", "/etc/alternatives",
        "/etc/ca-certificates", "/etc/java-11-openjdk", "/etc/java-17-openjdk", "/etc/java-21-openjdk",
        "/etc/localtime",
        "/etc/timezone", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/protocols", "/etc/services",
        "/etc/mime.types", "/etc/os-release",
    ]

    /// Links on a host whose programs are all below /usr, directories on others.
    private static let rootPaths = ["/bin", "/sbin", "/lib", "/lib32", "/lib64"]

    /// Places for what a sandbox brings along.
    private static let directories = [
        "/dev", "/etc", "/mnt", "/opt", "/proc", "/tmp", "/usr", "/usr/share", "/var", "/var/lang", "/var/runtime",
        "/var/task",
    ]

    /// What a sandbox shows at the places of a function's files as long as it waits for one.
    let waiting: [ReadOnlyMount]

    /// Directories below those places. The dynamic linker remembers which of the directories in `LD_LIBRARY_PATH` are not
    /// there, and looks for no library in them again. So for a process that starts before the function's files are there,
    /// all that a package may bring of them have to exist.
    private static let librarySubdirectories = ["", "/lib"].flatMap { directory in
        [directory] + ["", "/x86-64-v2", "/x86-64-v3", "/x86-64-v4"].map { "\(directory)/glibc-hwcaps\($0)" }
    }

    /// Makes the skeleton, or brings one that is there up to date.
    ///
    /// - Parameters:
    ///   - placeholders: Where the directories are made that are shown while a sandbox waits for its function.
    ///   - extraPaths: Further host directories, files and devices to show at the same place.
    init(skeleton: String, placeholders: String, extraPaths: [String]) throws(SystemError) {
        self.skeleton = skeleton
        waiting = [("task", "/var/task"), ("opt", "/opt")].map { name, target in
            ReadOnlyMount(source: "\(placeholders)/\(name)", target: target)
        }
        try Self.makeDirectory(placeholders)
        for mount in waiting {
            for directory in [""] + Self.librarySubdirectories { try Self.makeDirectory(mount.source + directory) }
        }
        try Self.makeDirectory(skeleton)
        for directory in Self.directories { try Self.makeDirectory(skeleton + directory) }
        for (path, text) in SandboxFiles.all { try Self.makeFile(skeleton + path, text: text) }
        var mounts: [(String, String)] = []
        for path in Self.rootPaths + Self.hostPaths + extraPaths {
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFLNK:
                try Self.makeLink(skeleton + path, like: path)
            case S_IFDIR:
                try Self.makeParents(of: path, in: skeleton)
                try Self.makeDirectory(skeleton + path)
                mounts.append((path, path))
            case S_IFREG:
                try Self.makeParents(of: path, in: skeleton)
                try Self.makeFile(skeleton + path, text: "")
                mounts.append((path, path))
            case S_IFCHR where path.hasPrefix("/dev/"):
                // The launcher makes it anew.
                mounts.append((path, path))
            default:
                continue
            }
        }
        self.mounts = mounts
    }

    /// A function's mounts as they go over those of ``waiting``: where it brings nothing, what is there otherwise.
    func covering(_ mounts: [ReadOnlyMount]) -> [ReadOnlyMount] {
        let bare = waiting.map(\.target).filter { target in !mounts.contains { $0.target == target } }
        return bare.map { ReadOnlyMount(source: skeleton + $0, target: $0) } + mounts
    }

    private static func makeParents(of path: String, in skeleton: String) throws(SystemError) {
        var parent = skeleton
        for component in path.split(separator: "/").dropLast() {
            parent += "/" + component
            try makeDirectory(parent)
        }
    }

    private static func makeDirectory(_ path: String) throws(SystemError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        throw SystemError(operation: "make directory \(path)", errno: errno)
    }

    private static func makeFile(_ path: String, text: String) throws(SystemError) {
        let file = try OwnedDescriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        if !text.isEmpty { try writeText(text, to: file, naming: path) }
    }

    private static func makeLink(_ path: String, like original: String) throws(SystemError) {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try checked("read link \(original)") { readlink(original, &target, target.count) }
        unlink(path)
        let text = String(decoding: target.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        try checked("make link \(path)") { symlink(text, path) }
    }
}
