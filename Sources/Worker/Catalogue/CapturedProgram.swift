import Glibc

/// A program of the host whose short output is wanted: started without a shell, with an empty environment, its
/// input and errors to `/dev/null`.
struct CapturedProgram {
    private let program: String
    private let arguments: [String]

    init(_ program: String, arguments: [String]) {
        self.program = program
        self.arguments = arguments
    }

    /// Runs it to its end and returns what it printed; `nil` when it cannot be started, does not exit with 0,
    /// prints more than the limit or anything but UTF-8, or outlives the deadline. Leaves no process behind.
    func output(bytesMax: Int, deadline: Duration) -> String? {
        var ends: [CInt] = [-1, -1]
        // A socket pair and not a pipe: its descriptors are closed-on-exec from the start, so no process that another
        // thread starts meanwhile inherits the writing end and keeps the stream open.
        let kind = CInt(bitPattern: SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return nil }
        defer { close(ends[0]) }
        let child = spawn(output: ends[1])
        close(ends[1])
        guard let child else { return nil }

        let bytes = Self.readToEnd(ends[0], bytesMax: bytesMax, until: .now + deadline)
        if bytes == nil {
            kill(child, SIGKILL)
        }
        var status: CInt = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { return nil }
        }
        guard let bytes, status == 0 else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private func spawn(output: CInt) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        guard posix_spawn_file_actions_init(&actions) == 0 else { return nil }
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)

        var argumentVector: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
        argumentVector.append(nil)
        defer { argumentVector.forEach { free($0) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var child: pid_t = 0
        guard posix_spawn(&child, program, &actions, nil, &argumentVector, &environment) == 0 else { return nil }
        return child
    }

    /// Everything up to the end of the stream; `nil` on an error, past the limit or after the deadline.
    private static func readToEnd(
        _ descriptor: CInt,
        bytesMax: Int,
        until deadline: ContinuousClock.Instant
    ) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return nil }
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, CInt(left / .milliseconds(1)) + 1)
            if ready < 0 && errno != EINTR { return nil }
            guard ready > 0 else { continue }
            switch read(descriptor, &buffer, buffer.count) {
            case 0: return bytes
            case let count where count > 0:
                guard bytes.count + count <= bytesMax else { return nil }
                bytes += buffer[..<count]
            default:
                guard errno == EINTR else { return nil }
            }
        }
    }
}
