import Glibc
import Sandbox

/// The external extensions of a function: the files directly in `/opt/extensions`.
/// Source: `spec/runtime-api.md` section 2.
struct ExternalExtensions {
    /// Where they are inside the sandbox.
    static let directory = "/opt/extensions"

    /// Their files' names, sorted.
    let names: [String]

    /// Looks on the host at what is shown at `/opt`.
    init(mounts: [ReadOnlyMount]) {
        guard let layers = mounts.last(where: { $0.target == "/opt" }) else {
            names = []
            return
        }
        names = Self.files(in: "\(layers.source)/extensions").sorted()
    }

    /// The path of an extension inside the sandbox.
    static func path(of name: String) -> String { "\(directory)/\(name)" }

    private static func files(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            // A link is followed inside the sandbox only, so here it passes for the file that it should lead to.
            guard lstat("\(directory)/\(name)", &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { continue }
            names.append(name)
        }
        return names
    }
}
