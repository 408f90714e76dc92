import Foundation
import Glibc
import Sandbox

/// The root directory of a runtime's guests, as it is put together before it becomes an image. No script of any package
/// runs; the few things that they would have done are done here, with the tree's own programs where it takes those.
struct RuntimeTree {
    private let root: String

    /// Nothing of these is of use to a function.
    private static let superfluous = [
        "usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bug",
        "usr/share/bash-completion", "usr/share/doc-base", "usr/share/menu", "usr/share/pixmaps",
        "usr/share/applications",
        "usr/share/common-licenses", "usr/share/debconf", "usr/share/initramfs-tools", "var/cache", "var/lib",
        "etc/apt",
        "etc/cron.daily", "etc/cron.d", "etc/init.d", "etc/default", "etc/dpkg", "etc/pam.d", "etc/kernel",
        "etc/logrotate.d",
        "usr/lib/systemd", "usr/lib/python3.11/test", "usr/lib/python3.11/idlelib", "usr/lib/python3.11/lib2to3",
        "usr/lib/python3.11/ensurepip", "usr/lib/python3.11/pydoc_data", "boot", "home", "media", "root", "run", "srv",
    ]

    /// What has to be there for others to be mounted on.
    private static let places = [
        "dev", "etc", "opt", "proc", "tmp", "var/lang", "var/runtime", "var/task",
        // A process that waits for its function looks for libraries there later only if there is such a directory from the start.
        "opt/lib", "var/task/lib",
    ]

    init(at root: String) throws(GuestImageError) {
        self.root = root
        // As on a Debian host: the packages of this version still have files below both.
        try makeDirectory("\(root)/usr")
        for name in ["bin", "lib", "lib64", "sbin"] {
            try makeDirectory("\(root)/usr/\(name)")
            try makeLink("\(root)/\(name)", to: "usr/\(name)")
        }
    }

    func unpack(_ package: DebianPackage) throws(GuestImageError) {
        let archive = "\(root).tar"
        defer { unlink(archive) }
        let file = open(archive, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw GuestImageError("failed to make \(archive): errno \(errno)") }
        defer { close(file) }
        try Tool("dpkg-deb").run(["--fsys-tarfile", package.file], output: file)
        try Tool("tar").run(
            [
                "--extract", "--file", archive, "--directory", root, "--keep-directory-symlink", "--no-same-owner",
                "--warning=no-timestamp",
            ]
        )
    }

    func finish(_ recipe: RuntimeRecipe) throws(GuestImageError) {
        for path in Self.superfluous { try? FileManager.default.removeItem(atPath: "\(root)/\(path)") }
        for path in Self.places { try makeDirectory("\(root)/\(path)") }
        for (path, text) in SandboxFiles.all { try write(Data(text.utf8), to: path) }
        try collectCertificates()
        for directory in recipe.pythonDirectories { try compilePython(below: directory) }
        try Tool("ldconfig").run(["-r", root])
        // As on Lambda; Debian's own is another package's, by a script of it.
        try makeLink("\(root)/usr/bin/sh", to: "bash")
        if let interpreter = recipe.interpreter { try check(interpreter, of: recipe.runtime) }
        try? FileManager.default.removeItem(atPath: "\(root)/var/cache")
    }

    /// The one file in which OpenSSL looks for authorities.
    private func collectCertificates() throws(GuestImageError) {
        let source = "\(root)/usr/share/ca-certificates/mozilla"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: source) else { return }
        var bundle = Data()
        for name in names.sorted() where name.hasSuffix(".crt") {
            bundle.append(FileManager.default.contents(atPath: "\(source)/\(name)") ?? Data())
        }
        try makeDirectory("\(root)/etc/ssl/certs")
        try write(bundle, to: "/etc/ssl/certs/ca-certificates.crt")
    }

    /// Whether the packages have the language that the image is for.
    private func check(_ interpreter: RuntimeRecipe.Interpreter, of runtime: String) throws(GuestImageError) {
        // Some find their libraries by /proc only; nobody else sees it mounted.
        let script = "mount -t proc none \"$0/proc\" && exec chroot \"$0\" \"$@\""
        let line = ["--mount", "sh", "-c", script, root, interpreter.path] + interpreter.versionArguments
        let printed = try Tool("unshare").run(line)
        guard printed.hasPrefix(interpreter.version) else {
            let version = printed.prefix { $0 != "\n" }
            throw GuestImageError("the packages have '\(version)' instead of '\(interpreter.version)' for \(runtime)")
        }
    }

    /// Without this every start would compile anew, for the image cannot keep what was compiled. The files do not name times
    /// of their sources, which are the image's and never change.
    private func compilePython(below directory: String) throws(GuestImageError) {
        let version = directory.split(separator: "/").last.map(String.init) ?? "python3"
        // One process and fixed seeds, so that the same sources make the same bytes.
        try Tool("chroot").run([
            root, "/usr/bin/env", "-i", "PYTHONHASHSEED=0", "/usr/bin/\(version)", "-I", "-S", "-m", "compileall", "-q",
            "-f",
            "--invalidation-mode", "unchecked-hash", directory,
        ])
    }

    private func write(_ data: Data, to path: String) throws(GuestImageError) {
        do {
            try? FileManager.default.removeItem(atPath: root + path)
            try data.write(to: URL(fileURLWithPath: root + path))
        } catch {
            throw GuestImageError("failed to write \(path): \(error)")
        }
    }

    private func makeLink(_ path: String, to target: String) throws(GuestImageError) {
        guard symlink(target, path) == 0 else { throw GuestImageError("failed to make link \(path): errno \(errno)") }
    }
}
