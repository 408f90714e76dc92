import Glibc
import LambdaAPI
import LogStore
import Synchronization

/// The log of one execution environment: what its processes print, and the platform's own lines, in order.
///
/// Printed bytes arrive through a pipe, whose read end this stream owns. Everything is kept in memory until the
/// ``FunctionLogWriter`` takes it to the log store, so that nobody waits for a disk during an invoke. A function that
/// prints faster than the disk takes it fills the pending buffer, then its pipe, and then waits itself.
///
/// ## Concurrency
/// All methods may be called from any thread. The descriptor is only read, and only under the lock.
package final class FunctionLogStream: Sendable {
    /// The log group.
    package let group: String
    /// The log stream in it.
    package let name: String

    private let pipe: CInt
    private let state: Mutex<State>
    private let writer: FunctionLogWriter

    /// How much may wait for the disk before the pipe is left to fill.
    private static let pendingBytesMax = 1 << 20
    /// How much one call reads at most, so that a function that prints without end cannot hold an event loop.
    private static let drainBytesMax = 256 << 10

    private struct State {
        var lines = LogLineBuffer()
        /// The read end of the pipe of extensions, in environments that have any.
        var extensionPipe: CInt?
        /// Who printed last: a line that is open is ended when somebody else prints.
        var lastSource: LogSource = .function
        var tap: LogTap?
        var tail: LogTail? = LogTail()
        var isDirty = false
        var isClosed = false
    }

    /// Takes ownership of `pipe`, which must be non-blocking.
    init(group: String, name: String, pipe: CInt, writer: FunctionLogWriter) {
        self.group = group
        self.name = name
        self.pipe = pipe
        self.writer = writer
        self.state = Mutex(State())
    }

    deinit {
        close(pipe)
        if let extensionPipe = state.withLock({ $0.extensionPipe }) { close(extensionPipe) }
    }

    /// Makes a pipe of their own for what external extensions print; at most once.
    ///
    /// - Returns: Its write end, which is the caller's to close.
    package func makeExtensionOutput() throws(FunctionLogWriter.SystemError) -> CInt {
        let pipe = try FunctionLogWriter.makePipe()
        state.withLock { $0.extensionPipe = pipe.reading }
        writer.watch(pipe.reading, for: self)
        return pipe.output
    }

    /// Has somebody hear what is printed from now on; nil ends that.
    package func setTap(_ tap: LogTap?) {
        state.withLock { $0.tap = tap }
    }

    /// Reads what the environment's processes have printed so far.
    ///
    /// After a process has made a request, all that it printed before is in the pipe, so a call here puts it before
    /// whatever is appended next.
    ///
    /// - Returns: Whether there may be more to read at once.
    @discardableResult
    package func drain() -> Bool {
        let (mayHaveMore, becameDirty) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed else { return (false, false) }
            let mayHaveMore = readPipes(into: &state)
            return (mayHaveMore, Self.markDirty(&state))
        }
        if becameDirty { writer.streamBecameDirty(self) }
        return mayHaveMore
    }

    /// Appends a line of the platform's own, such as START; `line` is without its newline.
    package func append(line: String) {
        let becameDirty = state.withLock { state -> Bool in
            var line = line
            line.withUTF8 { bytes in
                state.tail?.append(line: bytes)
                state.lines.append(line: bytes, at: .now())
            }
            return Self.markDirty(&state)
        }
        if becameDirty { writer.streamBecameDirty(self) }
    }

    /// Forgets the tail so far and says whether to keep one of what follows, for `LogType=Tail`.
    ///
    /// A new stream keeps one, so that whoever waits for an initialisation that fails can be shown why.
    package func keepTail(_ isWanted: Bool) {
        state.withLock { $0.tail = isWanted ? LogTail() : nil }
    }

    /// Ends the tail and returns it, at most 4 KB.
    package func takeTail() -> [UInt8]? {
        state.withLock { $0.tail.take()?.bytes }
    }

    /// Takes the whole lines that wait for the disk; the writer's.
    func takePending() -> RecordBatch {
        state.withLock { state in
            state.isDirty = false
            return state.lines.takePending()
        }
    }

    /// Reads the rest of the pipe and ends the last line. Nothing can be drained afterwards.
    package func finish() {
        let becameDirty = state.withLock { state -> Bool in
            guard !state.isClosed else { return false }
            _ = readPipes(into: &state)
            state.lines.endLine()
            state.isClosed = true
            return Self.markDirty(&state)
        }
        if becameDirty { writer.streamBecameDirty(self) }
        writer.streamFinished(self)
    }

    /// The read ends of the pipes, for the writer's readiness queue.
    var descriptors: [CInt] {
        [pipe] + (state.withLock { $0.extensionPipe }.map { [$0] } ?? [])
    }

    private func readPipes(into state: inout State) -> Bool {
        let mayHaveMore = read(.function, from: pipe, into: &state)
        guard let extensionPipe = state.extensionPipe else { return mayHaveMore }
        return read(.extension, from: extensionPipe, into: &state) || mayHaveMore
    }

    private func read(_ source: LogSource, from pipe: CInt, into state: inout State) -> Bool {
        var left = Self.drainBytesMax
        while left > 0, state.lines.pendingCount < Self.pendingBytesMax {
            var now: Timestamp?
            let count = withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 1) { buffer -> Int in
                let count = Glibc.read(pipe, buffer.baseAddress, buffer.count)
                guard count > 0 else { return count }
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count]).bindMemory(to: UInt8.self)
                let time = now ?? .now()
                now = time
                if state.lastSource != source {
                    state.lines.endLine()
                    state.lastSource = source
                }
                state.tail?.append(bytes)
                state.lines.append(bytes, at: time)
                state.tap?(source, bytes, time)
                return count
            }
            guard count > 0 else { return false }
            left -= count
        }
        return true
    }

    private static func markDirty(_ state: inout State) -> Bool {
        guard !state.isDirty, state.lines.pendingCount > 0 else { return false }
        state.isDirty = true
        return true
    }
}
