import Dispatch
import MetadataStore
import MetadataStoreSQL
import Synchronization

/// Hears which functions change, in this process or another, and tells it to the observers in the order of the commits
/// (PostgreSQL's manual, "NOTIFY").
///
/// It has a connection of its own. While that is lost nothing is heard; as soon as there is another, the observers are told
/// that they have missed something.
actor ChangeListener {
    private typealias Observer = @Sendable (FunctionChange) -> Void

    /// How long the one who has changed something waits until that was told here.
    private static let waitMax = DispatchTimeInterval.seconds(1)
    /// How long it is until a server that cannot be reached is tried again.
    private static let reconnectPause = DispatchTimeInterval.milliseconds(250)
    /// How long it is from one look at the connection to the next.
    private static let checkPause = DispatchTimeInterval.seconds(1)
    /// Begins the notice with which a change ends.
    private static let endMark = "end "

    private nonisolated let thread = ConnectionThread(label: "postgres-listener")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private nonisolated let observers = Mutex<[Observer]>([])
    private let settings: PostgresSettings
    private var connection: PostgresConnection?
    private var source: (any DispatchSourceRead)?
    private var ends = ChangeEnds<CheckedContinuation<Void, Never>>()
    private var isClosed = false

    init(_ settings: PostgresSettings) {
        self.settings = settings
    }

    isolated deinit {
        source?.cancel()
    }

    nonisolated func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    // MARK: Changes of this process

    /// A change is about to be made. Returns what it ends with.
    func begin() -> Int { ends.begin() }

    /// Sends the notices of changes at the end of their transaction.
    nonisolated func send(_ changes: [FunctionChange], end: Int, in database: any SQLTransaction) throws {
        let notices = changes.compactMap { ChangeNotice($0)?.text } + [Self.endMark + "\(settings.processID) \(end)"]
        for notice in notices {
            _ = try database.rows("SELECT CAST(pg_notify(?1, ?2) AS TEXT)", [settings.schema, notice])
        }
    }

    /// The change was not made.
    func cancel(_ end: Int) { ends.forget(end) }

    /// Returns when a change that was made is told to the observers.
    func told(_ end: Int) async {
        await withCheckedContinuation { waiter in
            guard ends.wait(for: end, waiter) else { return waiter.resume() }
            thread.call(after: Self.waitMax) { [weak self] in self?.assumeIsolated { $0.giveUp(end) } }
        }
    }

    /// Nothing was heard of a change for long.
    private func giveUp(_ end: Int) {
        guard let waiter = ends.heard(end) else { return }
        tell(.missed)
        waiter.resume()
    }

    // MARK: Listening

    /// Begins to listen. Throws if the server cannot be reached.
    func start() throws {
        try connect()
        checkLater()
    }

    private func connect() throws {
        let connection = try PostgresConnection(settings.address)
        try connection.runScript(settings.preamble + "; LISTEN \(settings.schema)")
        self.connection = connection
        let source = thread.readSource(connection.descriptor) { [weak self] in self?.assumeIsolated { $0.hear() } }
        self.source = source
        source.activate()
    }

    /// Ends the connection, for good.
    func close() {
        isClosed = true
        disconnect()
    }

    private func disconnect() {
        source?.cancel()
        source = nil
        connection = nil
    }

    private func hear() {
        guard let connection else { return }
        do {
            // Reading a record reads whatever else has come as well, of which the socket then says nothing.
            while case let texts = try connection.notifications(), !texts.isEmpty {
                for text in texts { try hear(text, connection) }
            }
        } catch {
            reconnect()
        }
    }

    /// Asks the server for a sign of life, and again after a while: a connection that is lost does not always say so.
    private func check() {
        guard !isClosed else { return }
        if let connection {
            do {
                _ = try connection.run("SELECT 1")
                hear()
            } catch {
                reconnect()
            }
        }
        checkLater()
    }

    private func checkLater() {
        thread.call(after: Self.checkPause) { [weak self] in self?.assumeIsolated { $0.check() } }
    }

    private func hear(_ text: String, _ connection: PostgresConnection) throws {
        if let notice = ChangeNotice(text: text) {
            tell(try notice.change(in: PostgresTransaction(connection: connection)))
        } else if text.hasPrefix(Self.endMark + "\(settings.processID) "), let word = text.split(separator: " ").last,
            let end = Int(word)
        {
            ends.heard(end)?.resume()
        }
    }

    private func reconnect() {
        disconnect()
        guard !isClosed else { return }
        do {
            try connect()
        } catch {
            thread.call(after: Self.reconnectPause) { [weak self] in self?.assumeIsolated { $0.reconnect() } }
            return
        }
        tell(.missed)
        for waiter in ends.heardAll() { waiter.resume() }
    }

    private func tell(_ change: FunctionChange) {
        for observer in observers.withLock({ $0 }) { observer(change) }
    }
}
