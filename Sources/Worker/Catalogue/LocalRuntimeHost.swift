import FoundationEssentials
import Glibc

/// The host that this process runs on, as the detection of runtimes sees it.
package struct LocalRuntimeHost: RuntimeHost {
    /// How long an interpreter may take to print its version.
    private static let versionOutputDeadline = Duration.seconds(5)
    /// How much it may print, in bytes.
    private static let versionOutputBytesMax = 4096

    package init() {}

    package var architecture: String {
        #if arch(x86_64)
        "x86_64"
        #elseif arch(arm64)
        "arm64"
        #else
        "unsupported"
        #endif
    }

    package func isExecutable(_ path: String) -> Bool {
        isFile(path) && access(path, X_OK) == 0
    }

    package func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    package func output(of program: String, arguments: [String]) -> String? {
        CapturedProgram(program, arguments: arguments).output(
            bytesMax: Self.versionOutputBytesMax,
            deadline: Self.versionOutputDeadline
        )
    }
}

extension InstalledRuntimes {
    /// Reads the catalogue of the first directory that has a `catalogue.json` and asks this host about its runtimes.
    ///
    /// - Parameters:
    ///   - directories: The runtimes directories, searched in order; relative ones are taken from the current directory.
    ///   - userlands: Where interpreters are looked for, in this order.
    /// - Throws: `.unreadable` when no directory has a catalogue, otherwise as ``RuntimeCatalogue/init(json:)``.
    package static func detect(
        in directories: [String],
        userlands: [RuntimeUserland] = [.ofHost]
    ) throws(RuntimeCatalogueError) -> InstalledRuntimes {
        let host = LocalRuntimeHost()
        let absolute = directories.map(absolutePath)
        guard let directory = absolute.first(where: { host.isFile("\($0)/catalogue.json") }) else {
            throw RuntimeCatalogueError(
                .unreadable,
                "found no catalogue.json in the runtimes directories: \(absolute.joined(separator: ", "))"
            )
        }
        let json: Data
        do {
            json = try Data(contentsOf: URL(filePath: "\(directory)/catalogue.json"))
        } catch {
            throw RuntimeCatalogueError(.unreadable, "failed to read \(directory)/catalogue.json: \(error)")
        }
        return InstalledRuntimes(
            catalogue: try RuntimeCatalogue(json: json),
            directories: absolute,
            userlands: userlands
        )
    }

    /// Bind mounts need paths that do not depend on a current directory.
    private static func absolutePath(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        return "\(FileManager.default.currentDirectoryPath)/\(path)"
    }
}
