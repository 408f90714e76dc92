import Foundation
import Glibc
import Synchronization

/// A program of the operator's that is told something on its standard input. It is started without a shell, as the user that the
/// service runs as, in a process group of its own, and with nothing in its environment but where programs are.
struct HookProgram: Sendable {
    /// What has become of it.
    enum Outcome: Equatable, CustomStringConvertible {
        case exited(Int32)
        case killed(signal: Int32)
        case timedOut
        case notStarted(String)

        var description: String {
            switch self {
            case .exited(let status): "exited with status \(status)"
            case .killed(let signal): "ended by signal \(signal)"
            case .timedOut: "killed, since it ran for too long"
            case .notStarted(let reason): "not started: \(reason)"
            }
        }
    }

    /// How much of what it prints is kept.
    private static let outputMax = 4096

    let path: String

    /// Runs the program to its end.
    ///
    /// - Parameters:
    ///   - input: At most some kilobytes.
    ///   - timeout: When it is over, or the task is cancelled, the program and all that it has started in its group are killed.
    /// - Returns: What has become of it, and the beginning of what it has printed.
    func run(_ input: [UInt8], timeout: Duration) async -> (outcome: Outcome, output: String) {
        let running = Running()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // It waits for a process, which no thread of the pool should do.
                Thread.detachNewThread { [path] in
                    continuation.resume(returning: Self.run(path, input, until: .now + timeout, running))
                }
            }
        } onCancel: {
            running.kill()
        }
    }

    /// Who the program is while it runs.
    private final class Running: Sendable {
        private let child = Mutex<(pid: pid_t?, isCancelled: Bool)>((nil, false))

        func started(_ pid: pid_t) {
            let isCancelled = child.withLock { child in
                child.pid = pid
                return child.isCancelled
            }
            if isCancelled { kill() }
        }

        /// To be called before the process is waited for, so that its number is nobody else's.
        func ended() {
            child.withLock { $0.pid = nil }
        }

        func kill() {
            child.withLock { child in
                child.isCancelled = true
                if let pid = child.pid { _ = Glibc.kill(-pid, SIGKILL) }
            }
        }
    }

    private static func run(
        _ path: String,
        _ input: [UInt8],
        until deadline: ContinuousClock.Instant,
        _ running: Running
    ) -> (Outcome, String) {
        var (inner, outer): (CInt, CInt) = (-1, -1)
        var ends: [CInt] = [-1, -1]
        // Closed in any process that another thread starts meanwhile.
        let kind = CInt(bitPattern: SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            return (.notStarted(String(cString: strerror(errno))), "")
        }
        (inner, outer) = (ends[0], ends[1])
        defer { close(outer) }
        let (child, error) = spawn(path, connectedTo: inner)
        close(inner)
        guard let child else { return (.notStarted(String(cString: strerror(error))), "") }
        running.started(child)
        // What is written fits what a socket takes; a program that has gone does not read it.
        _ = input.withUnsafeBytes { send(outer, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
        shutdown(outer, CInt(SHUT_WR))
        let (output, isOver) = readToEnd(outer, until: deadline)
        if !isOver { running.kill() }
        let status = wait(child, until: deadline, running)
        let text = String(decoding: output, as: UTF8.self)
        guard isOver, let status else { return (.timedOut, text) }
        let signal = status & 0x7F
        return (signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal), text)
    }

    private static func spawn(_ path: String, connectedTo end: CInt) -> (pid_t?, CInt) {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        guard posix_spawn_file_actions_init(&actions) == 0, posix_spawnattr_init(&attributes) == 0 else {
            return (nil, ENOMEM)
        }
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_adddup2(&actions, end, descriptor)
        }
        for descriptor in inheritable() where descriptor > STDERR_FILENO {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(path), nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [
            strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), strdup("LANG=C.UTF-8"), nil,
        ]
        defer { for text in arguments + environment { free(text) } }
        var child: pid_t = 0
        let error = posix_spawn(&child, path, &actions, &attributes, &arguments, &environment)
        return error == 0 ? (child, 0) : (nil, error)
    }

    /// The descriptors of this process that a program would have: those of event loops are not closed by themselves.
    private static func inheritable() -> [CInt] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { CInt($0) }.filter { descriptor in
            let flags = fcntl(descriptor, F_GETFD)
            return flags >= 0 && flags & FD_CLOEXEC == 0
        }
    }

    /// Reads until nobody has the other end any more. Keeps the beginning; returns whether it came to its end in time.
    private static func readToEnd(_ end: CInt, until deadline: ContinuousClock.Instant) -> ([UInt8], Bool) {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return (output, false) }
            var poll = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, CInt(clamping: Int(left / .milliseconds(1)) + 1))
            guard ready > 0 else { continue }
            let count = read(end, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return (output, true) }
            output += buffer[..<count].prefix(outputMax - output.count)
        }
    }

    /// Returns the process's status; nil if it had to be killed for the time.
    private static func wait(_ child: pid_t, until deadline: ContinuousClock.Instant, _ running: Running) -> CInt? {
        // A process that has closed its output and goes on is not over.
        while ContinuousClock.now < deadline {
            var information = siginfo_t()
            let answer = waitid(P_PID, id_t(child), &information, WEXITED | WNOHANG | WNOWAIT)
            if answer == 0, information.si_signo == 0 {
                usleep(20_000)
                continue
            }
            return reap(child, running)
        }
        running.kill()
        _ = reap(child, running)
        return nil
    }

    private static func reap(_ child: pid_t, _ running: Running) -> CInt {
        var status: CInt = 0
        running.ended()
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status
    }
}
