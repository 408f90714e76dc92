import Dispatch
import MetadataStore
import MetadataStoreSQL

/// Hears what transactions have notified a channel of, in the order of their commits (PostgreSQL's manual, "NOTIFY").
///
/// It has a connection of its own, which is looked after: while it is lost nothing is heard, and as soon as there is another
/// that is told.
actor NotificationListener {
    /// What is done with what is heard, on the listener's thread.
    struct Handler: Sendable {
        /// Somebody has notified the channel. Statements may be run on the connection.
        var heard: @Sendable (String, PostgresConnection) throws -> Void
        /// There may have been notices that were not heard.
        var missed: @Sendable () -> Void
    }

    /// How long it is until a server that cannot be reached is tried again.
    private static let reconnectPause = DispatchTimeInterval.milliseconds(250)
    /// How long it is from one look at the connection to the next.
    private static let checkPause = DispatchTimeInterval.seconds(1)

    private nonisolated let thread = ConnectionThread(label: "postgres-listener")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let settings: PostgresSettings
    private let channel: String
    private let handler: Handler
    private var connection: PostgresConnection?
    private var source: (any DispatchSourceRead)?
    private var isClosed = false

    /// - Parameter channel: A name that needs no quotes.
    init(_ settings: PostgresSettings, channel: String, _ handler: Handler) {
        self.settings = settings
        self.channel = channel
        self.handler = handler
    }

    isolated deinit {
        source?.cancel()
    }

    /// Notifies a channel when the transaction is committed.
    static func notify(_ channel: String, of text: String, in database: any SQLTransaction) throws {
        _ = try database.rows("SELECT CAST(pg_notify(?1, ?2) AS TEXT)", [channel, text])
    }

    /// Begins to listen. Throws if the server cannot be reached.
    func start() throws {
        try connect()
        checkLater()
    }

    /// Ends the connection, for good.
    func close() {
        isClosed = true
        disconnect()
    }

    /// Calls on the listener's thread, after a while.
    nonisolated func call(after pause: DispatchTimeInterval, _ body: @escaping @Sendable () -> Void) {
        thread.call(after: pause, body)
    }

    private func connect() throws {
        let connection = try PostgresConnection(settings.address)
        try connection.runScript(settings.preamble + "; LISTEN \(channel)")
        self.connection = connection
        let source = thread.readSource(connection.descriptor) { [weak self] in self?.assumeIsolated { $0.hear() } }
        self.source = source
        source.activate()
    }

    private func disconnect() {
        source?.cancel()
        source = nil
        connection = nil
    }

    private func reconnect() {
        disconnect()
        guard !isClosed else { return }
        do {
            try connect()
        } catch {
            call(after: Self.reconnectPause) { [weak self] in self?.assumeIsolated { $0.reconnect() } }
            return
        }
        handler.missed()
    }

    private func hear() {
        guard let connection else { return }
        do {
            // A statement reads whatever else has come as well, of which the socket then says nothing.
            while case let texts = try connection.notifications(), !texts.isEmpty {
                for text in texts { try handler.heard(text, connection) }
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
        call(after: Self.checkPause) { [weak self] in self?.assumeIsolated { $0.check() } }
    }
}
