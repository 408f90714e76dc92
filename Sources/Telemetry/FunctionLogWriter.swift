import CLinux
import Glibc
import LambdaAPI
package import LogStore
package import Logging
import Synchronization

/// Carries the logs of all environments to the store: one thread that waits for their pipes and writes what has
/// gathered a few times a second.
///
/// Whole lines are in the store at most ``flushInterval`` after they were logged; a crash of the process loses at most
/// that. Streams that have more to read than fits take turns, so none keeps the others waiting.
package final class FunctionLogWriter: Sendable {
    /// How long a line waits for company before it is written.
    package static let flushInterval: Duration = .milliseconds(200)

    private let store: LogStore
    private let logger: Logger
    private let readiness: CInt
    private let wakeUp: CInt
    private let state = Mutex(State())

    private struct State {
        var streams: [CInt: FunctionLogStream] = [:]
        var dirty: [FunctionLogStream] = []
        var finished: [FunctionLogStream] = []
        var isStopping = false
        var thread: pthread_t?
    }

    /// An error that kept a log stream from being made.
    package struct SystemError: Error, CustomStringConvertible {
        package let description: String

        init(_ operation: String, errno: CInt) {
            description = "failed to \(operation): \(String(cString: strerror(errno)))"
        }
    }

    /// Starts the writer's thread.
    package init(store: LogStore, logger: Logger) throws(SystemError) {
        self.store = store
        self.logger = logger
        readiness = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard readiness >= 0 else { throw SystemError("create an epoll queue", errno: errno) }
        wakeUp = eventfd(0, CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK))
        guard wakeUp >= 0 else {
            let error = errno
            close(readiness)
            throw SystemError("create an event descriptor", errno: error)
        }
        watch(wakeUp)
        startThread()
    }

    /// Makes a log stream for one environment. In the store it appears with its first line.
    ///
    /// - Parameters:
    ///   - name: The stream's name in its group, such as `2026/11/23/[$LATEST]…`.
    ///   - group: The group's name, such as `/aws/lambda/hello`.
    /// - Returns: The stream, and the write end of its pipe for the environment's processes; the caller closes it.
    package func makeStream(
        named name: String,
        group: String
    ) throws(SystemError) -> (stream: FunctionLogStream, output: CInt) {
        let pipe = try Self.makePipe()
        return (makeStream(named: name, group: group, reading: pipe.reading), pipe.output)
    }

    /// Makes a log stream of what arrives at the read end of a pipe of ``makePipe()``, which it owns from then on.
    package func makeStream(named name: String, group: String, reading pipe: CInt) -> FunctionLogStream {
        let stream = FunctionLogStream(group: group, name: name, pipe: pipe, writer: self)
        watch(pipe, for: stream)
        return stream
    }

    /// A pipe for what processes print before it is known whose log it belongs to. Both ends are the caller's to close.
    package static func makePipe() throws(SystemError) -> (reading: CInt, output: CInt) {
        var ends: [CInt] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SystemError("create a log pipe", errno: errno) }
        // Only the read end may be non-blocking: a function whose print fails with EAGAIN would be surprised.
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        return (ends[0], ends[1])
    }

    /// Reads for a stream whenever something is printed into this pipe.
    func watch(_ pipe: CInt, for stream: FunctionLogStream) {
        state.withLock { $0.streams[pipe] = stream }
        watch(pipe)
    }

    /// Writes everything that is left and ends the thread. Blocks until that is done.
    package func stop() {
        let thread = state.withLock { state -> pthread_t? in
            state.isStopping = true
            defer { state.thread = nil }
            return state.thread
        }
        guard let thread else { return }
        wake()
        pthread_join(thread, nil)
        close(readiness)
        close(wakeUp)
    }

    func streamBecameDirty(_ stream: FunctionLogStream) {
        let isFirst = state.withLock { state -> Bool in
            state.dirty.append(stream)
            return state.dirty.count == 1
        }
        if isFirst { wake() }
    }

    func streamFinished(_ stream: FunctionLogStream) {
        let descriptors = stream.descriptors
        state.withLock { state in
            guard let registered = state.streams[descriptors[0]], registered === stream else { return }
            for descriptor in descriptors {
                epoll_ctl(readiness, EPOLL_CTL_DEL, descriptor, nil)
                state.streams[descriptor] = nil
            }
            state.finished.append(stream)
        }
        wake()
    }

    private func watch(_ descriptor: CInt) {
        // Edge-triggered: an event loop usually reads the pipe itself when an invoke ends, and only a function that
        // prints while nobody looks should cost a wake-up.
        var event = epoll_event(
            events: EPOLLIN.rawValue | EPOLLET.rawValue,
            data: epoll_data_t(fd: descriptor)
        )
        epoll_ctl(readiness, EPOLL_CTL_ADD, descriptor, &event)
    }

    private func wake() {
        eventfd_write(wakeUp, 1)
    }

    private func startThread() {
        // The thread holds the writer until `stop`; it is the one owner of the files.
        let context = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                pthread_setname_np(pthread_self(), "function-logs")
                Unmanaged<FunctionLogWriter>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context
        )
        precondition(result == 0, "failed to start the log writer's thread: \(result)")
        state.withLock { $0.thread = thread }
    }

    private func run() {
        var isFailing = false
        var flushDue: ContinuousClock.Instant?
        // Streams that have more in their pipes; they are read in turn, and written in between to make room.
        var unread: [FunctionLogStream] = []
        while true {
            let ready = waitForReadiness(until: unread.isEmpty ? flushDue : .now)
            let streams = state.withLock { state in ready.compactMap { state.streams[$0] } }
            unread += streams.filter { stream in !unread.contains { $0 === stream } }
            unread = unread.filter { $0.drain() }
            let (isStopping, hasDirty) = state.withLock { ($0.isStopping, !$0.dirty.isEmpty || !$0.finished.isEmpty) }
            if isStopping {
                flush(&isFailing)
                return
            }
            guard hasDirty else { continue }
            let now = ContinuousClock.now
            if !unread.isEmpty || flushDue.map({ $0 <= now }) ?? false {
                flush(&isFailing)
                flushDue = nil
            } else if flushDue == nil {
                flushDue = now + Self.flushInterval
            }
        }
    }

    private func waitForReadiness(until due: ContinuousClock.Instant?) -> [CInt] {
        var timeout: CInt = -1
        if let due {
            let left = due - ContinuousClock.now
            timeout = max(0, CInt(left / .milliseconds(1)) + 1)
        }
        return withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { events in
            let count = epoll_wait(readiness, events.baseAddress, CInt(events.count), timeout)
            guard count > 0 else { return [] }
            return events[..<Int(count)].map { event in
                if event.data.fd == wakeUp {
                    var value: eventfd_t = 0
                    eventfd_read(wakeUp, &value)
                }
                return event.data.fd
            }
        }
    }

    private func flush(_ isFailing: inout Bool) {
        let (dirty, finished) = state.withLock { state in
            defer {
                state.dirty.removeAll(keepingCapacity: true)
                state.finished.removeAll()
            }
            return (state.dirty, state.finished)
        }
        for stream in dirty {
            write(stream, &isFailing)
        }
        for stream in finished {
            write(stream, &isFailing)
            store.finish(stream: stream.name, group: stream.group)
        }
    }

    /// Lines that cannot be written are lost, with one warning until it works again: a full disk must not stop functions
    /// from running.
    private func write(_ stream: FunctionLogStream, _ isFailing: inout Bool) {
        let batch = stream.takePending()
        guard batch.times != nil else { return }
        do {
            try store.append(batch, stream: stream.name, group: stream.group, now: .now())
            isFailing = false
        } catch {
            guard !isFailing else { return }
            isFailing = true
            logger.warning("function log lines are being lost", metadata: [LogKey.error: "\(error)"])
        }
    }
}
