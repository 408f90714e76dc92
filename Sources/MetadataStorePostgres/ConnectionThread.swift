import Dispatch
import Glibc

/// Runs what one connection does, whose calls block: nobody else waits for it, as they would on the threads that all tasks
/// share.
final class ConnectionThread: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }

    /// Calls on this thread, after a while if one is given.
    func call(after pause: DispatchTimeInterval? = nil, _ body: @escaping @Sendable () -> Void) {
        if let pause {
            queue.asyncAfter(deadline: .now() + pause, execute: body)
        } else {
            queue.async(execute: body)
        }
    }

    /// Calls on this thread whenever there is something to read, once the source is activated and until it is cancelled. The
    /// descriptor may be closed meanwhile.
    func readSource(_ descriptor: CInt, _ body: @escaping @Sendable () -> Void) -> any DispatchSourceRead {
        let copy = dup(descriptor)
        let source = DispatchSource.makeReadSource(fileDescriptor: copy, queue: queue)
        source.setEventHandler(handler: body)
        source.setCancelHandler { close(copy) }
        return source
    }
}
