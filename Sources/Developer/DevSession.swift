import Glibc
import Synchronization

/// Watches a directory and deploys it whenever it has changed, and says so.
package struct DevSession: Sendable {
    /// Editors write a file in several steps; this long after the first of them it is read.
    private static let quietPeriod = Duration.milliseconds(100)

    private let directory: String
    private let deployment: Deployment

    package init(directory: String, deployment: Deployment) {
        self.directory = directory
        self.deployment = deployment
    }

    /// Returns when the task is cancelled.
    ///
    /// - Throws: ``DeveloperError`` when the first deployment fails or the directory is gone. Later failures are told, and
    ///   the next change may mend them.
    package func run() async throws {
        var deployed = try DirectoryPackage(of: directory)
        try await deploy(deployed)
        Self.say("watching \(directory); Ctrl-C ends")
        try await DirectoryWatcher(directory: directory).run {
            do {
                try await Task.sleep(for: Self.quietPeriod)
                let package = try DirectoryPackage(of: directory)
                guard package != deployed else { return }
                // Remembered even if it fails: the same files would fail again.
                deployed = package
                try await deploy(package)
            } catch is CancellationError {
                return
            } catch {
                Self.say("not deployed: \(error)")
            }
        }
    }

    private func deploy(_ package: DirectoryPackage) async throws {
        let start = ContinuousClock.now
        let outcome = try await deployment.deploy(package)
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        Self.say(
            "\(outcome == .created ? "created" : "deployed") \(deployment.invokeURL) "
                + "(\(package.paths.count) files, \(package.bytes.count) bytes) in \(Int(milliseconds)) ms"
        )
    }

    /// Prints a line at once, also into a pipe.
    private static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }
}
