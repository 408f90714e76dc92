import Glibc
package import LambdaAPI
import Synchronization

/// A stream of a group: its segments, to which one writer at a time appends and from which anyone reads.
///
/// ## Concurrency
/// Two locks. `appending` is held while bytes go to the disk and is taken only by whoever changes the files; `state` is
/// held for moments, to say what there is. A reader takes `state` only, so it never waits for a disk.
final class StoredStream: Sendable {
    let name: String
    let creationTime: Timestamp
    private let directory: String
    private let settings: LogStoreSettings
    private let usage: DiskUsage

    private let appending: Mutex<Appending>
    private let state: Mutex<State>

    /// How many of the last segments may take records, so that writers whose clocks differ do not make a file per batch.
    private static let openSegmentsMax = 8

    private struct Appending {
        var descriptor: CInt?
        var segment: Int?

        mutating func closeFile() {
            if let descriptor { close(descriptor) }
            descriptor = nil
            segment = nil
        }
    }

    private struct State {
        var segments: [Segment]
        var lastIngestionTime: Timestamp?
        var isDeleted = false
    }

    init(
        name: String,
        creationTime: Timestamp,
        directory: String,
        settings: LogStoreSettings,
        usage: DiskUsage,
        segments: [Segment] = [],
        lastIngestionTime: Timestamp? = nil
    ) {
        self.name = name
        self.creationTime = creationTime
        self.directory = directory
        self.settings = settings
        self.usage = usage
        appending = Mutex(Appending())
        state = Mutex(State(segments: segments, lastIngestionTime: lastIngestionTime))
        usage.add(segments.reduce(0) { $0 + $1.allocatedBytes })
    }

    deinit {
        appending.withLock { $0.closeFile() }
    }

    /// What there is now, for readers and lists.
    func summary(group: String) -> StreamSummary {
        state.withLock { state in
            let times = state.segments.compactMap(\.times)
            return StreamSummary(
                name: name,
                group: group,
                creationTime: creationTime,
                firstEventTime: times.map(\.lowerBound).min(),
                lastEventTime: times.map(\.upperBound).max(),
                lastIngestionTime: state.lastIngestionTime,
                storedBytes: state.segments.reduce(0) { $0 + $1.end - $1.recordsStart },
                segments: state.segments
            )
        }
    }

    // MARK: Writing

    /// Makes the first file, which makes the stream last.
    func create() throws(LogStoreError) {
        try changeFiles { appending throws(LogStoreError) in
            _ = try beginSegment(&appending)
            appending.closeFile()
        }
    }

    /// Appends records. Throws `streamNotFound` when the stream was deleted in the meantime; nothing is written then, or
    /// when the disk refuses.
    ///
    /// - Parameters:
    ///   - isDurable: Whether the records must survive a power failure before this returns.
    ///   - keepsOpen: Whether more is to come, until ``closeFile()``.
    func append(_ batch: RecordBatch, isDurable: Bool, keepsOpen: Bool) throws(LogStoreError) {
        guard let times = batch.times else { return }
        try changeFiles { appending throws(LogStoreError) in
            defer { if !keepsOpen { appending.closeFile() } }
            let segment = try segment(for: times.lowerBound, batch.bytes.count, &appending)
            let file = try openFile(of: segment, &appending)
            do throws(LogStoreError) {
                try File.append(batch.bytes, to: file, segment.path)
                if isDurable, fdatasync(file) != 0 { throw LogStoreError("synchronise", segment.path) }
            } catch {
                // Half a batch must not be found later, nor be in front of the next one.
                ftruncate(file, segment.end)
                throw error
            }
            committed(batch, times, to: segment)
        }
    }

    /// Closes the file that ``append(_:isDurable:keepsOpen:)`` has left open.
    func closeFile() {
        appending.withLock { $0.closeFile() }
    }

    private func changeFiles(
        _ body: (inout Appending) throws(LogStoreError) -> Void
    ) throws(LogStoreError) {
        try appending.withLock { appending throws(LogStoreError) in
            guard !state.withLock({ $0.isDeleted }) else { throw .streamNotFound(name) }
            try body(&appending)
        }
    }

    /// The segment that records of a time may be appended to: of those whose last record is not later, the latest.
    private func segment(
        for time: Timestamp,
        _ byteCount: Int,
        _ appending: inout Appending
    ) throws(LogStoreError) -> Segment {
        let fitting = state.withLock { state in
            state.segments.suffix(Self.openSegmentsMax)
                .filter { $0.end + byteCount <= settings.segmentBytesMax || $0.times == nil }
                .filter { $0.times.map { $0.upperBound <= time } ?? true }
                .max { Self.lastTime($0) < Self.lastTime($1) }
        }
        if let fitting { return fitting }
        return try beginSegment(&appending)
    }

    private static func lastTime(_ segment: Segment) -> Timestamp {
        segment.times?.upperBound ?? Timestamp(milliseconds: .min)
    }

    private func beginSegment(_ appending: inout Appending) throws(LogStoreError) -> Segment {
        let id = state.withLock { ($0.segments.last?.id ?? 0) + 1 }
        let path = "\(directory)/\(FileName.segment(id, of: name))"
        let header = SegmentHeader(stream: name, creationTime: creationTime).line
        appending.closeFile()
        // A file may be left over from before a crash, without a whole header.
        let file = try File.open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC)
        appending.descriptor = file
        appending.segment = id
        do throws(LogStoreError) {
            try File.append(header, to: file, path)
        } catch {
            appending.closeFile()
            unlink(path)
            throw error
        }
        let segment = Segment(id: id, path: path, recordsStart: header.count, end: header.count, times: nil)
        state.withLock { $0.segments.append(segment) }
        usage.add(segment.allocatedBytes)
        return segment
    }

    private func openFile(of segment: Segment, _ appending: inout Appending) throws(LogStoreError) -> CInt {
        if let descriptor = appending.descriptor, appending.segment == segment.id { return descriptor }
        appending.closeFile()
        let file = try File.open(segment.path, O_WRONLY | O_APPEND)
        appending.descriptor = file
        appending.segment = segment.id
        return file
    }

    private func committed(_ batch: RecordBatch, _ times: ClosedRange<Timestamp>, to segment: Segment) {
        var segment = segment
        let before = segment.allocatedBytes
        segment.end += batch.bytes.count
        segment.times = (segment.times?.lowerBound ?? times.lowerBound)...times.upperBound
        state.withLock { state in
            guard let index = state.segments.lastIndex(where: { $0.id == segment.id }) else { return }
            state.segments[index] = segment
            state.lastIngestionTime = max(state.lastIngestionTime ?? batch.ingestionTime, batch.ingestionTime)
        }
        usage.add(segment.allocatedBytes - before)
    }

    // MARK: Removing

    /// Makes the files of a stream that has just been created last through a power failure.
    func synchronise() throws(LogStoreError) {
        for segment in state.withLock({ $0.segments }) { try File.synchronise(segment.path) }
        try File.synchronise(directory)
    }

    /// Removes one segment. Returns whether there is any left.
    ///
    /// - Parameter expectedEnd: Where it ended when it was chosen; one that has grown since then stays. Nil takes it anyway.
    func removeSegment(_ id: Int, expectedEnd: Int?) throws(LogStoreError) -> Bool {
        try appending.withLock { appending throws(LogStoreError) in
            let segment = state.withLock { state -> Segment? in
                guard let index = state.segments.firstIndex(where: { $0.id == id }),
                    expectedEnd == nil || expectedEnd == state.segments[index].end
                else { return nil }
                return state.segments.remove(at: index)
            }
            if let segment {
                if appending.segment == id { appending.closeFile() }
                usage.add(-segment.allocatedBytes)
                try File.remove(segment.path)
            }
            return state.withLock { !$0.segments.isEmpty }
        }
    }

    /// Ends the stream if it has no segments. Returns whether it has ended.
    func deleteIfEmpty() -> Bool {
        appending.withLock { appending in
            let isDeleted = state.withLock { state in
                state.isDeleted = state.isDeleted || state.segments.isEmpty
                return state.isDeleted
            }
            if isDeleted { appending.closeFile() }
            return isDeleted
        }
    }

    /// Ends the stream: nothing can be appended afterwards.
    ///
    /// - Parameter removesFiles: False when the whole directory goes.
    func delete(removesFiles: Bool) throws(LogStoreError) {
        try appending.withLock { appending throws(LogStoreError) in
            appending.closeFile()
            let segments = state.withLock { state in
                defer { state.segments = [] }
                state.isDeleted = true
                return state.segments
            }
            usage.add(-segments.reduce(0) { $0 + $1.allocatedBytes })
            guard removesFiles else { return }
            for segment in segments { try File.remove(segment.path) }
        }
    }
}

/// A stream as it was at one moment.
package struct StreamSummary: Sendable {
    package let name: String
    /// The group's name.
    package let group: String
    package let creationTime: Timestamp
    /// Nil, as the next two, when the stream has no events.
    package let firstEventTime: Timestamp?
    package let lastEventTime: Timestamp?
    package let lastIngestionTime: Timestamp?
    /// What its records take, in bytes.
    package let storedBytes: Int
    let segments: [Segment]
}
