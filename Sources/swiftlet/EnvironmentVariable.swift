import Glibc

/// The variables of this process.
enum EnvironmentVariable {
    static func value(of name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
