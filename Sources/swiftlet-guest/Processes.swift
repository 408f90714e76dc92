import CGuest
import Glibc
import GuestProtocol

/// The function's processes that the host has started. Their descendants are reaped without a report.
final class Processes {
    private let nowhere: CInt
    private let group: FunctionGroup
    private var numbers: [pid_t: RequestNumber] = [:]

    init(group: FunctionGroup) throws(SystemFailure) {
        self.group = group
        nowhere = try checked("open /dev/null") { open("/dev/null", O_RDWR | O_CLOEXEC) }
    }

    /// The agent's ends of what connects a started process with it.
    struct Pipes {
        let output: CInt
        let channel: CInt?
    }

    func start(_ process: GuestProcess, as number: RequestNumber) throws(SystemFailure) -> Pipes {
        let output = try makePipe()
        defer { close(output.writing) }
        // A process may open what it prints to by a path, as its own user.
        fchown(output.writing, uid_t(CGUEST_USER), gid_t(CGUEST_GROUP))
        let channel: (ours: CInt, theirs: CInt)?
        do {
            channel = process.channel == nil ? nil : try makeSocketPair()
        } catch {
            close(output.reading)
            throw error
        }
        defer { if let channel { close(channel.theirs) } }
        var step: UnsafePointer<CChar>?
        let pid = withArrayOfCStrings(process.arguments) { arguments in
            withArrayOfCStrings(process.environment) { environment in
                process.executable.withCString { path in
                    process.workingDirectory.withCString { directory in
                        FunctionTree.root.withCString { root in
                            var program = cguest_program(
                                path: path,
                                arguments: arguments,
                                environment: environment,
                                directory: directory,
                                root: root,
                                group: group.members,
                                input: nowhere,
                                output: output.writing,
                                channel: channel?.theirs ?? -1
                            )
                            return cguest_start(&program, &step)
                        }
                    }
                }
            }
        }
        guard pid > 0 else {
            let failure = SystemFailure(step: step.map { String(cString: $0) } ?? "start", errno: errno)
            close(output.reading)
            if let channel { close(channel.ours) }
            throw failure
        }
        numbers[pid] = number
        setNonBlocking(output.reading)
        if let channel { setNonBlocking(channel.ours) }
        return Pipes(output: output.reading, channel: channel?.ours)
    }

    func signal(_ number: RequestNumber, _ signal: UInt8) {
        // Each leads a group, and as long as it is not reaped its number is nobody else's.
        for (pid, known) in numbers where known == number { kill(-pid, CInt(signal)) }
    }

    /// Whether the host knows of the end of each.
    var isEmpty: Bool { numbers.isEmpty }

    /// Reaps what has ended, and returns those that the host knows of.
    func reap() -> [(RequestNumber, GuestExit)] {
        var ended: [(RequestNumber, GuestExit)] = []
        var status: CInt = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { return ended }
            guard let number = numbers.removeValue(forKey: pid) else { continue }
            let signal = UInt8(status & 0x7f)
            ended.append((number, signal == 0 ? .exited(UInt8(status >> 8 & 0xff)) : .signalled(signal)))
        }
    }
}

private func makePipe() throws(SystemFailure) -> (reading: CInt, writing: CInt) {
    var ends: [CInt] = [0, 0]
    try checked("pipe2") { cguest_pipe(&ends) }
    return (ends[0], ends[1])
}

private func makeSocketPair() throws(SystemFailure) -> (ours: CInt, theirs: CInt) {
    var ends: [CInt] = [0, 0]
    let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    try checked("socketpair") { socketpair(AF_UNIX, kind, 0, &ends) }
    return (ends[0], ends[1])
}

/// For this end only; a process expects to wait at its own.
private func setNonBlocking(_ descriptor: CInt) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
}

private func withArrayOfCStrings<Value>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
) -> Value {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return (copies + [nil]).withUnsafeBufferPointer { body($0.baseAddress!) }
}
