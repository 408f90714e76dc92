import CLinux
import Glibc
package import Logging
import Synchronization

/// Carries the logs of all environments to their files: one thread that waits for their pipes and writes what has
/// gathered a few times a second.
///
/// Lines are on disk at most ``flushInterval`` after they were logged; a crash of the process loses at most that.
package final class FunctionLogWriter: Sendable {
    /// How long a line waits for company before it is written.
    package static let flushInterval: Duration = .milliseconds(200)

    private let directory: String
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

    /// Starts the writer's thread. Files go below `directory`, which is created when the first stream is.
    package init(directory: String, logger: Logger) throws(SystemError) {
        self.directory = directory
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

    /// Makes a log stream for one environment.
    ///
    /// - Parameter name: The stream's path below the writer's directory, such as `aws/lambda/hello/2026/11/23/[$LATEST]…`.
    /// - Returns: The stream, and the write end of its pipe for the environment's processes; the caller closes it.
    package func makeStream(named name: String) throws(SystemError) -> (stream: FunctionLogStream, output: CInt) {
        let pipe = try Self.makePipe()
        return (makeStream(named: name, reading: pipe.reading), pipe.output)
    }

    /// Makes a log stream of what arrives at the read end of a pipe of ``makePipe()``, which it owns from then on.
    package func makeStream(named name: String, reading pipe: CInt) -> FunctionLogStream {
        let stream = FunctionLogStream(path: "\(directory)/\(name)", pipe: pipe, writer: self)
        state.withLock { $0.streams[pipe] = stream }
        watch(pipe)
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
        state.withLock { state in
            guard let registered = state.streams[stream.descriptor], registered === stream else { return }
            epoll_ctl(readiness, EPOLL_CTL_DEL, stream.descriptor, nil)
            state.streams[stream.descriptor] = nil
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
        var files = LogFiles(logger: logger)
        var flushDue: ContinuousClock.Instant?
        while true {
            let ready = waitForReadiness(until: flushDue)
            for descriptor in ready where descriptor != wakeUp {
                let stream = state.withLock { $0.streams[descriptor] }
                while stream?.drain() == true {
                    // The pending buffer is full or the pipe was long: make room before reading on.
                    flush(into: &files)
                }
            }
            let (isStopping, hasDirty) = state.withLock { ($0.isStopping, !$0.dirty.isEmpty || !$0.finished.isEmpty) }
            if isStopping {
                flush(into: &files)
                return
            }
            guard hasDirty else { continue }
            let now = ContinuousClock.now
            if let due = flushDue, due <= now {
                flush(into: &files)
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

    private func flush(into files: inout LogFiles) {
        let (dirty, finished) = state.withLock { state in
            defer {
                state.dirty.removeAll(keepingCapacity: true)
                state.finished.removeAll()
            }
            return (state.dirty, state.finished)
        }
        for stream in dirty {
            files.append(stream.takePending(), to: stream.path)
        }
        for stream in finished {
            files.append(stream.takePending(), to: stream.path)
            files.close(stream.path)
        }
    }
}
