import Foundation
import LambdaAPI
import LogStore
import TestSupport

/// A store in a directory of its own, which can be opened again as after a crash.
struct StoreFixture {
    /// What is beside the store.
    let surroundings: TemporaryDirectory
    var path: String { "\(surroundings.path)/store" }
    let sizeMax: ByteCount
    private(set) var store: LogStore

    /// The moment at which everything is created.
    static let now = Timestamp(milliseconds: 1_780_000_000_000)

    init(sizeMax: ByteCount = .mebibytes(64)) throws {
        surroundings = try TemporaryDirectory()
        self.sizeMax = sizeMax
        try FileManager.default.createDirectory(
            atPath: surroundings.path + "/store",
            withIntermediateDirectories: false
        )
        store = try LogStore(directory: surroundings.path + "/store", settings: LogStoreSettings(sizeMax: sizeMax))
    }

    /// Opens the store again. The old one is simply left, as a process that was killed leaves it.
    mutating func reopen() throws {
        store = try LogStore(directory: path, settings: LogStoreSettings(sizeMax: sizeMax))
    }

    func time(_ offset: Int) -> Timestamp {
        Timestamp(milliseconds: Self.now.milliseconds + offset)
    }

    /// Puts events with the given times after the fixture's moment, and texts.
    func put(_ events: [(Int, String)], stream: String = "s", group: String = "g") throws {
        let batch = RecordBatch(
            events.map { NewLogEvent(timestamp: time($0.0), message: $0.1) },
            ingestedAt: Self.now
        )
        try store.put(batch, stream: stream, group: group)
    }

    func createStream(_ stream: String = "s", group: String = "g") throws {
        if !store.groupList().contains(where: { $0.name == group }) { try store.createGroup(group, now: Self.now) }
        try store.createStream(stream, group: group, now: Self.now)
    }

    /// Appends printed lines, as the platform does.
    func appendLines(_ lines: [String], at offset: Int = 0, stream: String = "s", group: String = "g") throws {
        var bytes: [UInt8] = []
        for line in lines {
            LogRecord.beginLine(at: time(offset), in: &bytes)
            bytes += Array(line.utf8) + [UInt8(ascii: "\n")]
        }
        let batch = RecordBatch(bytes: bytes, times: time(offset)...time(offset), ingestionTime: time(offset))
        try store.append(batch, stream: stream, group: group, now: Self.now)
    }

    /// Everything in the group, read in pages of some size, forward or backward.
    func texts(
        group: String = "g",
        pageSize: Int = 10_000,
        isForward: Bool = true,
        from start: Int = -1_000_000_000,
        to end: Int = 1_000_000_000
    ) throws -> [String] {
        var texts: [String] = []
        var position: EventPosition?
        while true {
            let query = EventQuery(
                isForward ? .forward(after: position) : .backward(before: position),
                times: time(start)..<time(end),
                countMax: pageSize
            )
            let page = try store.events(of: store.streamList(ofGroup: group), query)
            texts = isForward ? texts + page.events.map(\.text) : page.events.map(\.text) + texts
            if page.isComplete { return texts }
            position = page.lastPosition
        }
    }

    /// The files of streams, by name.
    func segmentFiles(group: String = "g") throws -> [String] {
        let directory = "\(path)/\(group.replacing("/", with: ":"))"
        return try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasSuffix(".log") }
            .sorted()
            .map { "\(directory)/\($0)" }
    }
}
