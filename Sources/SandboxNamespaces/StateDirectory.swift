import Glibc

/// Where an engine has its files, which also tells it from all other engines on the host.
struct StateDirectory {
    /// The absolute path, without links.
    let path: String
    /// A name for what the engine has elsewhere on the host: the same for the same directory at every start, so that what a
    /// crashed predecessor left is found. Letters and digits.
    var instance: String {
        // The path, hashed (FNV-1a).
        let hash = path.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }

    /// Makes the directory if it is missing, and those above it.
    init(preparing path: String) throws(SystemError) {
        var parent = path.hasPrefix("/") ? "" : "."
        for component in path.split(separator: "/") {
            parent += "/\(component)"
            if mkdir(parent, 0o755) != 0 && errno != EEXIST {
                throw SystemError(operation: "make \(parent)", errno: errno)
            }
        }
        guard let real = realpath(path, nil) else { throw SystemError(operation: "resolve \(path)", errno: errno) }
        defer { free(real) }
        self.path = String(cString: real)
    }
}
