import Foundation

/// Debian's packages, as this host's apt gets them: from the network, or from where they were kept.
struct DebianArchive {
    /// Where packages are kept.
    private let directory: String

    init(directory: String) throws(GuestImageError) {
        self.directory = directory
        do {
            for path in ["\(directory)/packages/partial", "\(directory)/none/partial"] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            }
            // Of a host on which nothing is installed, apt says all that is needed.
            try Data().write(to: URL(fileURLWithPath: "\(directory)/status"))
        } catch {
            throw GuestImageError("failed to prepare \(directory): \(error)")
        }
    }

    /// These packages and all that they depend on, sorted by their names; downloaded if they are not kept yet.
    ///
    /// - Parameter isOfUse: Which of them are.
    func packages(
        _ names: [String],
        where isOfUse: (String) -> Bool = { _ in true }
    ) throws(GuestImageError) -> [DebianPackage] {
        // Asked as if nothing were kept: apt does not tell what it need not download.
        let simulated = try apt(names, ["--print-uris"], keptIn: "none")
        let files = Self.files(in: simulated).filter { file in
            DebianPackage(file: file).map { isOfUse($0.name) } ?? false
        }
        guard !files.isEmpty else { throw GuestImageError("apt names no packages for \(names.joined(separator: " "))") }
        let isKept = files.allSatisfy { FileManager.default.fileExists(atPath: "\(directory)/packages/\($0)") }
        if !isKept { try apt(names, ["--download-only"], keptIn: "packages") }
        return files.compactMap { DebianPackage(file: "\(directory)/packages/\($0)") }.sorted()
    }

    @discardableResult
    private func apt(
        _ names: [String],
        _ options: [String],
        keptIn place: String
    ) throws(GuestImageError) -> String {
        try Tool("apt-get").run(
            [
                "-qq", "--yes", "-o", "Dir::State::status=\(directory)/status",
                "-o", "Dir::Cache::archives=\(directory)/\(place)", "-o", "APT::Install-Recommends=0",
                "-o", "Debug::NoLocking=1",
            ] + options + ["install"] + names
        )
    }

    /// The names of the files that `--print-uris` tells, in lines of address, name, size and hash.
    static func files(in text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count >= 3, words[0].hasPrefix("'"), words[1].hasSuffix(".deb") else { return nil }
            return String(words[1])
        }
    }
}
