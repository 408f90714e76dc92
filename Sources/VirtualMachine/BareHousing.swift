import CSandbox
import Dispatch
import Glibc
import Synchronization

/// A housing that confines nothing: for looking at what a host can do, and for tests. No function's code runs in one.
package final class BareHousing: MachineHousing {
    private enum State {
        /// -> running, ended.
        case empty
        /// -> reaped.
        case running(pid_t, waiters: [CheckedContinuation<Void, Never>])
        /// There is no process any more, and its end is being told. -> ended.
        case reaped(waiters: [CheckedContinuation<Void, Never>])
        case ended
    }

    private let state = Mutex(State.empty)
    private let output: CInt?

    /// - Parameter output: What becomes the process's output and error; stays the caller's to close.
    package init(output: CInt? = nil) {
        self.output = output
    }

    package func start(
        _ program: MachineProgram,
        onExit: @escaping @Sendable (MachineExit) -> Void
    ) async throws(VirtualMachineError) {
        guard !program.hasTap else {
            throw VirtualMachineError(.startFailed, "failed to start \(program.executable): here it gets no tap device")
        }
        let arguments = CStrings(program.arguments)
        let (pid, error) = withExtendedLifetime(arguments) {
            let count = UInt32(program.descriptors.count)
            let pid = sb_start_with(
                program.executable,
                arguments.pointers,
                program.descriptors,
                count,
                output ?? -1
            )
            return (pid, errno)
        }
        guard pid > 0 else {
            throw VirtualMachineError(
                .startFailed,
                "failed to start \(program.executable): \(String(cString: strerror(error))) (\(error))"
            )
        }
        state.withLock { $0 = .running(pid, waiters: []) }
        // A thread of its own, since it does nothing but wait.
        DispatchQueue(label: "swiftlet.bare-housing").async {
            // Not reaped before nobody can kill it any more: else the number could be another's by then.
            sb_wait_for_end(pid)
            let status = self.state.withLock { state in
                if case .running(_, let waiters) = state { state = .reaped(waiters: waiters) }
                return sb_wait(pid)
            }
            onExit(MachineExit(waitStatus: status))
            let waiters = self.state.withLock { state in
                defer { state = .ended }
                if case .reaped(let waiters) = state { return waiters }
                return []
            }
            for waiter in waiters { waiter.resume() }
        }
    }

    package func destroy() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isEnded = state.withLock { state in
                switch state {
                case .empty, .ended:
                    state = .ended
                    return true
                case .running(let pid, let waiters):
                    kill(pid, SIGKILL)
                    state = .running(pid, waiters: waiters + [continuation])
                case .reaped(let waiters):
                    state = .reaped(waiters: waiters + [continuation])
                }
                return false
            }
            if isEnded { continuation.resume() }
        }
    }
}

extension MachineExit {
    /// - Parameter waitStatus: As `waitpid` gives it.
    fileprivate init(waitStatus: CInt) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited(Int(waitStatus >> 8 & 0xff)) : .signalled(Int(signal))
    }
}

/// A list of strings as C has it, for as long as this exists.
private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, text) in strings.enumerated() { pointers[index] = strdup(text) }
        pointers[count] = nil
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
