import Glibc
import Logging

/// The open log files of the writer's thread.
///
/// A file that cannot be written loses its lines, with one warning until it works again: a full disk must not stop
/// functions from running.
struct LogFiles: ~Copyable {
    private var descriptors: [String: CInt] = [:]
    private var isFailing = false
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    deinit {
        for descriptor in descriptors.values {
            Glibc.close(descriptor)
        }
    }

    /// Writes bytes at the end of the file, which is made with its directories if it is not there.
    mutating func append(_ bytes: [UInt8], to path: String) {
        guard !bytes.isEmpty else { return }
        guard let descriptor = open(path) else { return }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return reportFailure(path, errno)
            }
            written += count
        }
        isFailing = false
    }

    /// Closes the file; it may be appended to again.
    mutating func close(_ path: String) {
        guard let descriptor = descriptors.removeValue(forKey: path) else { return }
        Glibc.close(descriptor)
    }

    private mutating func open(_ path: String) -> CInt? {
        if let descriptor = descriptors[path] { return descriptor }
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC
        var descriptor = Glibc.open(path, flags, 0o640)
        if descriptor < 0, errno == ENOENT {
            makeDirectories(of: path)
            descriptor = Glibc.open(path, flags, 0o640)
        }
        guard descriptor >= 0 else {
            reportFailure(path, errno)
            return nil
        }
        descriptors[path] = descriptor
        return descriptor
    }

    private func makeDirectories(of path: String) {
        for (index, character) in zip(path.indices, path) where character == "/" && index > path.startIndex {
            mkdir(String(path[..<index]), 0o750)
        }
    }

    private mutating func reportFailure(_ path: String, _ error: CInt) {
        guard !isFailing else { return }
        isFailing = true
        logger.warning(
            "function log lines are being lost",
            metadata: [LogKey.path: "\(path)", LogKey.error: "\(String(cString: strerror(error)))"]
        )
    }
}
