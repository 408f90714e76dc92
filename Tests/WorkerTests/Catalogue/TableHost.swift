import Synchronization
import Worker

/// A host that answers from tables.
struct TableHost: RuntimeHost {
    var architecture = "x86_64"
    /// Files that may be executed, with what they print.
    var programs: [String: String] = [:]
    /// Other files.
    var files: Set<String> = []

    func isExecutable(_ path: String) -> Bool { programs[path] != nil }
    func isFile(_ path: String) -> Bool { files.contains(path) || programs[path] != nil }
    func output(of program: String, arguments: [String]) -> String? { programs[program] }
}

/// A host that counts how often each program is asked for its version.
final class CountingHost: RuntimeHost {
    private let host: TableHost
    private let counts = Mutex<[String: Int]>([:])

    var asked: [String: Int] { counts.withLock { $0 } }

    init(_ host: TableHost) {
        self.host = host
    }

    var architecture: String { host.architecture }
    func isExecutable(_ path: String) -> Bool { host.isExecutable(path) }
    func isFile(_ path: String) -> Bool { host.isFile(path) }
    func output(of program: String, arguments: [String]) -> String? {
        counts.withLock { $0[program, default: 0] += 1 }
        return host.output(of: program, arguments: arguments)
    }
}

/// The catalogue that is shipped, which the tests read so that a mistake in it fails them.
enum ShippedCatalogue {
    /// Its directory, from the place of this file in the package.
    static let directory =
        "/"
        + #filePath.split(separator: "/").dropLast(
            "Tests/WorkerTests/Catalogue/TableHost.swift".split(separator: "/").count
        )
        .joined(separator: "/") + "/runtimes"
}
