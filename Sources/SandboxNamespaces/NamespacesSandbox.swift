import CSandbox
import Glibc
import Logging
import Sandbox
import Synchronization

/// What a sandbox needs of its engine.
struct SandboxHost: Sendable {
    let monitor: Monitor
    /// Where what a sandbox had is removed.
    let removing: WorkQueue
    let logger: Logger
    /// How long init may take to build the sandbox, or to answer that a process runs.
    let patience: Duration
    /// Where a sandbox is connected when its function is known.
    let adopting: WorkQueue
    /// Has the launcher attach a function's files in the sandbox, which hears of it by ``NamespacesSandbox/adoptionCompleted(_:)``.
    /// Does not block.
    let adopt: @Sendable (NamespacesSandbox, SandboxAdoption, SetUpFault?) -> Void
    /// Has the launcher kill the sandbox's init. Does not block.
    let kill: @Sendable (_ token: UInt64) -> Void
    /// Forgets the sandbox, of which nothing is left.
    let forget: @Sendable (_ token: UInt64) -> Void
}

/// One sandbox of the namespaces engine: the shell around ``SandboxStateMachine``.
///
/// The state machine decides; this class talks to the sandbox's init, to its cgroups and to those who wait. Messages
/// of init are handled on the monitor's thread only. Locks are held only while the machine takes an event in.
final class NamespacesSandbox: Sandbox {
    typealias Creation = CheckedContinuation<Result<NamespacesSandbox, SandboxError>, Never>
    typealias Start = CheckedContinuation<Result<SandboxProcess, SandboxError>, Never>
    typealias ExitHandler = @Sendable (ProcessExit) -> Void
    typealias Completion = CheckedContinuation<SandboxError?, Never>
    typealias SocketRequest = CheckedContinuation<Result<CInt, SandboxError>, Never>
    typealias Destruction = CheckedContinuation<Void, Never>
    private typealias Machine = SandboxStateMachine<
        Creation, Start, ExitHandler, Completion, SocketRequest, Destruction
    >

    private struct Watches {
        var control: Monitor.Registration?
        var memory: Monitor.Registration?
    }

    private struct Scratch {
        var mount: OwnedDescriptor?
        var isReleased = false
    }

    let id: SandboxID
    let token: UInt64
    /// The host's user and group that the function's processes are; `nil` if that is the service's own.
    private let guestID: UInt32?
    let group: SandboxGroup?
    private let control: MessageSocket
    /// The mount of `/tmp`, held here too so that the processes' end does not include its unmounting: many that end at
    /// once would all do that at once.
    private let scratch: Mutex<Scratch>
    private let tap: TapDevice?
    private let host: SandboxHost
    private let machine: Mutex<Machine>
    private let watches = Mutex(Watches())
    private let deadlines: SandboxDeadlines
    private let receivedListener = Mutex<OwnedDescriptor?>(nil)

    init(
        id: SandboxID,
        token: UInt64,
        guestID: UInt32?,
        group: SandboxGroup?,
        control: MessageSocket,
        scratch: OwnedDescriptor?,
        tap: TapDevice?,
        host: SandboxHost,
        isAdoptable: Bool,
        creation: Creation
    ) {
        self.id = id
        self.token = token
        self.guestID = guestID
        self.group = group
        self.control = control
        self.scratch = Mutex(Scratch(mount: scratch))
        self.tap = tap
        self.host = host
        deadlines = SandboxDeadlines(monitor: host.monitor, patience: host.patience)
        machine = Mutex(Machine(creation: creation, isAdoptable: isAdoptable))
    }

    /// Begins to listen to init, and to the kernel about memory.
    func watch() throws(SystemError) {
        deadlines.expect(.creation) { [weak self] in
            guard let self else { return }
            creationFailed(SandboxError(.setUpFailed, "failed to set up sandbox \(id): timed out", errno: ETIMEDOUT))
        }
        let control = try host.monitor.watch(control.descriptor) { [weak self] in self?.controlBecameReadable() }
        watches.withLock { $0.control = control }
        if let group, let events = group.memoryEvents {
            let memory = try host.monitor.watch(events, urgent: group.memoryEventsAreUrgent) { [weak self] in
                self?.memoryEventOccurred()
            }
            watches.withLock { $0.memory = memory }
        }
    }

    // MARK: Sandbox

    func takeRuntimeAPIListener() -> CInt? {
        receivedListener.withLock { $0.take() }.map { $0.release() }
    }

    func start(
        _ process: ProcessSpecification,
        onExit: @escaping @Sendable (ProcessExit) -> Void
    ) async throws(SandboxError) -> SandboxProcess {
        // So that the function can open its /dev/stdout: a pipe, too, is opened by the rights of its owner. Where the
        // output is something that has no owner this fails, and there is nothing to be gained by it either.
        if let guestID { _ = fchown(process.output, guestID, guestID) }
        return try await withCheckedContinuation { (start: Start) in
            switch machine.withLock({ $0.startRequested(start, onExit: onExit) }) {
            case .refuse(let start):
                start.resume(returning: .failure(gone))
            case .send(let token):
                send(process, as: token)
            }
        }.get()
    }

    func signal(_ process: SandboxProcess, _ number: CInt) throws(SandboxError) {
        do throws(SystemError) {
            try control.send(SB_SIGNAL, token: process.rawValue, number: number, waits: false)
        } catch {
            throw refusal("signal", error)
        }
    }

    func killProcesses() async throws(SandboxError) {
        let failure = await withCheckedContinuation { (clearing: Completion) in
            switch machine.withLock({ $0.clearRequested(clearing) }) {
            case .refuse(let clearing): clearing.resume(returning: gone)
            case .wait: break
            case .send: clear()
            }
        }
        if let failure { throw failure }
    }

    func connect(toPort port: UInt16) async throws(SandboxError) -> CInt {
        let socket = try await makeSocket()
        guard Self.connect(socket, port: port) else {
            close(socket)
            throw SandboxError(.refused, "nobody listens on port \(port) in sandbox \(id)", errno: ECONNREFUSED)
        }
        return socket
    }

    /// The handshake over a loopback interface is done by the kernel's own hand within the call, if anybody listens.
    private static func connect(_ socket: CInt, port: UInt16) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var state = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        guard poll(&state, 1, 0) == 1 else { return false }
        var error: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0
    }

    /// Makes a TCP socket in the sandbox's network, unconnected and non-blocking.
    private func makeSocket() async throws(SandboxError) -> CInt {
        try await withCheckedContinuation { (request: SocketRequest) in
            switch machine.withLock({ $0.socketRequested(request) }) {
            case .refuse(let request):
                request.resume(returning: .failure(gone))
            case .send:
                do throws(SystemError) {
                    try control.send(SB_MAKE_SOCKET, waits: false)
                } catch {
                    socketMade(.failure(refusal("make a socket in", error)))
                }
            }
        }.get()
    }

    func takeTap() -> CInt? { tap?.take() }

    func connectTap() async throws(SandboxError) -> TapAddresses {
        try await connectTap(failing: nil)
    }

    private var gone: SandboxError { SandboxError(.gone, "sandbox \(id) has ended") }

    func adopt(_ adoption: SandboxAdoption) async throws(SandboxError) {
        try await adopt(adoption, failing: nil)
    }

    func freeze() throws(SandboxError) {
        try setFrozen(true)
    }

    func thaw() throws(SandboxError) {
        try setFrozen(false)
    }

    func setCPULimit(_ limit: CPULimit) throws(SandboxError) {
        guard let group else { return }
        do {
            try group.setCPULimit(limit)
        } catch {
            throw refusal("limit CPU time", error)
        }
    }

    func peakMemoryBytes() -> Int {
        group?.peakMemoryBytes() ?? 0
    }

    func peakHostMemoryBytes() -> Int { peakMemoryBytes() }

    func cpuNanoseconds() -> Int? { group?.cpuNanoseconds() }

    func hasExceededMemory() -> Bool {
        group?.hasExceededMemory() ?? false
    }

    func destroy() async {
        await withCheckedContinuation { (destruction: Destruction) in
            switch machine.withLock({ $0.destroyRequested(destruction) }) {
            case .kill: kill()
            case .wait: break
            case .finish(let destruction): destruction.resume()
            }
        }
    }

    private func setFrozen(_ frozen: Bool) throws(SandboxError) {
        do throws(SystemError) {
            if let group, group.canFreeze {
                try group.setFrozen(frozen)
            } else {
                // Without cgroups; a function could tell, but not resist.
                try control.send(SB_SIGNAL_ALL, number: frozen ? SIGSTOP : SIGCONT, waits: false)
            }
        } catch {
            throw refusal(frozen ? "freeze" : "thaw", error)
        }
    }

    private func refusal(_ operation: String, _ error: SystemError) -> SandboxError {
        // Descriptors are closed and files gone once the sandbox is removed.
        let isGone = [EBADF, ENOENT, ENODEV, EPIPE].contains(error.errno)
        return SandboxError(
            isGone ? .gone : .engineFailed,
            "failed to \(operation) sandbox \(id): \(error)",
            errno: error.errno
        )
    }

    // MARK: Processes

    private func send(_ process: ProcessSpecification, as token: ProcessToken) {
        let strings = [process.executable, process.workingDirectory] + process.arguments + process.environment
        deadlines.expect(.start(token)) { [weak self] in self?.startDeadlinePassed(token) }
        do throws(SystemError) {
            // A NUL would shift every string after it: an argument could become part of the environment.
            guard !strings.contains(where: { $0.utf8.contains(0) }) else {
                throw SystemError(operation: "pass strings with NUL", errno: EINVAL)
            }
            try control.send(
                SB_EXECUTE,
                token: token.rawValue,
                value: process.arguments.count,
                strings: strings,
                descriptors: [process.output] + [process.channel].compactMap(\.self) + process.furtherDescriptors,
                waits: false
            )
        } catch {
            processExecuted(token, errno: error.errno, step: error.operation)
        }
    }

    private func processExecuted(_ token: ProcessToken, errno: CInt, step: String) {
        deadlines.cancel(.start(token))
        var failure: SandboxError?
        if errno == EPIPE {
            failure = gone
        } else if errno != 0 {
            let message = "failed to execute in sandbox \(id): \(step): \(errorText(errno))"
            failure = SandboxError(.execFailed, message, errno: errno)
        }
        switch machine.withLock({ $0.processExecuted(token, failure: failure) }) {
        case .succeed(let start): start.resume(returning: .success(SandboxProcess(token.rawValue)))
        case .fail(let start, let error): start.resume(returning: .failure(error))
        case .none: break
        }
    }

    private func startDeadlinePassed(_ token: ProcessToken) {
        switch machine.withLock({ $0.startDeadlinePassed(token) }) {
        case .kill:
            host.logger.error("a sandbox does not answer and is killed", metadata: ["sandbox.id": "\(id)"])
            kill()
        case .none:
            break
        }
    }

    private func clear() {
        // What is frozen would not notice that it is killed everywhere.
        try? thaw()
        deadlines.expect(.clearing) { [weak self] in self?.clearDeadlinePassed() }
        do throws(SystemError) {
            try control.send(SB_CLEAR, waits: false)
        } catch {
            // Init has ended, which will be noticed, or its socket is full of what it does not read.
            deadlines.cancel(.clearing)
            clearDeadlinePassed()
        }
    }

    private func clearDeadlinePassed() {
        switch machine.withLock({ $0.clearDeadlinePassed() }) {
        case .kill:
            host.logger.error("processes of a sandbox do not end", metadata: ["sandbox.id": "\(id)"])
            kill()
        case .none:
            break
        }
    }

    private func cleared() {
        deadlines.cancel(.clearing)
        for clearing in machine.withLock({ $0.cleared() }) { clearing.resume(returning: nil) }
    }

    private func socketMade(_ result: Result<CInt, SandboxError>) {
        guard let request = machine.withLock({ $0.socketMade() }) else {
            if case .success(let descriptor) = result { close(descriptor) }
            return
        }
        request.resume(returning: result)
    }

    // MARK: Adoption

    /// - Parameter fault: For tests: the step to make fail.
    func adopt(_ adoption: SandboxAdoption, failing fault: SetUpFault?) async throws(SandboxError) {
        let failure = await withCheckedContinuation { (completion: Completion) in
            switch machine.withLock({ $0.adoptionRequested(completion) }) {
            case .refuse(let completion):
                completion.resume(returning: SandboxError(.gone, "sandbox \(id) has ended or is not to be adopted"))
            case .attach:
                deadlines.expect(.adoption) { [weak self] in self?.adoptionDeadlinePassed() }
                host.adopt(self, adoption, fault)
            }
        }
        guard let failure else { return }
        // Of files, some may be there and others not.
        await destroy()
        throw failure
    }

    /// - Parameter fault: For tests: the step to make fail.
    func connectTap(failing fault: SetUpFault?) async throws(SandboxError) -> TapAddresses {
        guard let tap else { throw SandboxError(.unsupported, "sandbox \(id) has no tap device") }
        do throws(SandboxError) {
            return try await host.adopting.run { [id] in
                Result { () throws(SandboxError) in
                    var steps = SetUpSteps(sandbox: id, purpose: .adoption, fault: fault)
                    return try tap.connect(&steps)
                }
            }.get()
        } catch {
            if error.code == .adoptionFailed { await destroy() }
            throw error
        }
    }

    /// Holds on to the mount of `/tmp`; see ``scratch``.
    func keep(scratch mount: OwnedDescriptor?) {
        scratch.withLock { scratch in
            // The sandbox may have ended meanwhile.
            if !scratch.isReleased { scratch.mount = mount }
        }
    }

    func adoptionCompleted(_ failure: SandboxError?) {
        deadlines.cancel(.adoption)
        switch machine.withLock({ $0.adoptionCompleted(failure: failure) }) {
        case .succeed(let completion): completion.resume(returning: nil)
        case .fail(let completion, let error): completion.resume(returning: error)
        case .none: break
        }
    }

    private func adoptionDeadlinePassed() {
        switch machine.withLock({ $0.adoptionDeadlinePassed() }) {
        case .kill:
            host.logger.error("the launcher does not answer about a sandbox", metadata: ["sandbox.id": "\(id)"])
            kill()
        case .none:
            break
        }
    }

    // MARK: Init's messages, on the monitor's thread

    private func controlBecameReadable() {
        if !receive(isDraining: false) { unwatchControl() }
    }

    /// Handles the next message. Returns whether there was one, or may be one later.
    private func receive(isDraining: Bool) -> Bool {
        let message: IncomingMessage
        do {
            guard let received = try control.receive() else { return false }
            message = received
        } catch {
            return error.errno == EAGAIN && !isDraining
        }
        switch message.kind {
        case SB_READY:
            initBecameReady(listener: message.descriptors.first)
        case SB_SET_UP_FAILED:
            let reason = "\(message.text): \(errorText(message.number))"
            creationFailed(
                SandboxError(.setUpFailed, "failed to set up sandbox \(id): \(reason)", errno: message.number)
            )
        case SB_EXECUTED:
            processExecuted(ProcessToken(rawValue: message.token), errno: message.number, step: message.text)
        case SB_EXITED:
            let action = machine.withLock { $0.processExited(ProcessToken(rawValue: message.token)) }
            if case .notify(let onExit) = action { onExit(ProcessExit(waitStatus: message.number)) }
        case SB_CLEARED:
            cleared()
        case SB_SOCKET_MADE:
            if let descriptor = message.descriptors.first {
                socketMade(.success(descriptor.release()))
            } else {
                let reason = errorText(message.number)
                socketMade(.failure(SandboxError(.engineFailed, "failed to make a socket in sandbox \(id): \(reason)")))
            }
        default:
            break
        }
        return true
    }

    private func initBecameReady(listener: OwnedDescriptor?) {
        receivedListener.withLock { $0 = listener }
        switch machine.withLock({ $0.initBecameReady() }) {
        case .succeed(let creation):
            deadlines.cancel(.creation)
            group?.closeMembership()
            creation.resume(returning: .success(self))
        case .none:
            receivedListener.withLock { $0 = nil }
        }
    }

    private func creationFailed(_ error: SandboxError) {
        deadlines.cancel(.creation)
        switch machine.withLock({ $0.creationFailed(error) }) {
        case .kill: kill()
        case .none: break
        }
    }

    /// The kernel ends one process when the limit is hit. A function with a part missing is of no use, so the others
    /// follow, which is also what version 2 can be told to do, but then init would go with them and with it the news.
    private func memoryEventOccurred() {
        guard let group, group.acknowledgeMemoryEvent() else { return }
        try? control.send(SB_SIGNAL_ALL, number: SIGKILL, waits: false)
    }

    // MARK: End

    private func kill() {
        group?.releaseToDie()
        host.kill(token)
    }

    /// Init was reaped by the launcher. What it said before is still in the socket, and is handled first.
    func initWasReaped() {
        while receive(isDraining: true) { continue }
        initGone(SandboxError(.setUpFailed, "failed to set up sandbox \(id): its init ended"), isReaped: true)
    }

    /// Init has ended, or was never made, or is ending with the launcher.
    func initGone(_ error: SandboxError, isReaped: Bool) {
        switch machine.withLock({ $0.initGone(error) }) {
        case .none:
            break
        case .remove(let bereaved):
            for start in bereaved.starts { start.resume(returning: .failure(gone)) }
            for onExit in bereaved.exits { onExit(.lost) }
            for clearing in bereaved.clearings { clearing.resume(returning: gone) }
            bereaved.adoption?.resume(returning: gone)
            for request in bereaved.socketRequests { request.resume(returning: .failure(gone)) }
            unwatchAll()
            host.removing.perform { self.remove(isReaped: isReaped) }
        }
    }

    private func remove(isReaped: Bool) {
        control.descriptor.close()
        receivedListener.withLock { $0 = nil }
        if !isReaped { group?.killAll() }
        group?.remove(logger: host.logger)
        let mount = scratch.withLock { scratch in
            scratch.isReleased = true
            return scratch.mount.take()
        }
        mount?.close()
        // Before its number is another's.
        tap?.remove()
        host.forget(token)
        switch machine.withLock({ $0.removalCompleted() }) {
        case .none:
            break
        case .finish(let creation, let destructions):
            if let (creation, error) = creation { creation.resume(returning: .failure(error)) }
            for destruction in destructions { destruction.resume() }
        }
    }

    private func unwatchControl() {
        if let registration = watches.withLock({ $0.control.take() }) {
            host.monitor.unwatch(control.descriptor, registration)
        }
    }

    private func unwatchAll() {
        unwatchControl()
        deadlines.cancelAll()
        if let registration = watches.withLock({ $0.memory.take() }), let events = group?.memoryEvents {
            host.monitor.unwatch(events, registration)
        }
    }
}

extension ProcessExit {
    /// - Parameter waitStatus: As `waitpid` gives it.
    init(waitStatus: CInt) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited(Int(waitStatus >> 8 & 0xff)) : .signalled(Int(signal))
    }
}
