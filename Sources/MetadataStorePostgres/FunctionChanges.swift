import Dispatch
import MetadataStore
import MetadataStoreSQL
import Synchronization

/// Tells observers which functions have changed, in this process or another, in the order of the commits.
///
/// Whoever changes something waits until that was told here. What cannot be told is told as missed.
final class FunctionChanges: Sendable {
    private typealias Observer = @Sendable (FunctionChange) -> Void

    /// What others have to do with a process's copies.
    private struct State {
        var observers: [Observer] = []
        var ends = ChangeEnds<CheckedContinuation<Void, Never>>()
    }

    /// How long the one who has changed something waits.
    private static let waitMax = DispatchTimeInterval.seconds(1)
    /// Begins the notice with which a change ends.
    private static let endMark = "end "

    private let settings: PostgresSettings
    private let state = Mutex(State())

    init(_ settings: PostgresSettings) {
        self.settings = settings
    }

    /// What a listener of the schema's channel does.
    var handler: NotificationListener.Handler {
        NotificationListener.Handler(
            heard: { [weak self] in try self?.hear($0, $1) },
            missed: { [weak self] in self?.missed() }
        )
    }

    func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    // MARK: Changes of this process

    /// A change is about to be made. Returns what it ends with.
    func begin() -> Int { state.withLock { $0.ends.begin() } }

    /// The change was not made.
    func cancel(_ end: Int) { state.withLock { $0.ends.forget(end) } }

    /// Has the listeners of all processes notified of changes when their transaction is committed.
    func notify(of changes: [FunctionChange], end: Int, in database: any SQLTransaction) throws {
        let notices = changes.compactMap { ChangeNotice($0)?.text } + [Self.endMark + "\(settings.processID) \(end)"]
        for notice in notices {
            try NotificationListener.notify(settings.schema, of: notice, in: database)
        }
    }

    /// Returns when a change that was made is told to the observers.
    func told(_ end: Int, by listener: NotificationListener) async {
        await withCheckedContinuation { waiter in
            guard state.withLock({ $0.ends.wait(for: end, waiter) }) else { return waiter.resume() }
            listener.call(after: Self.waitMax) { self.giveUp(end) }
        }
    }

    /// Nothing was heard of a change for long.
    private func giveUp(_ end: Int) {
        guard let waiter = state.withLock({ $0.ends.heard(end) }) else { return }
        tell(.missed)
        waiter.resume()
    }

    // MARK: Notices

    private func hear(_ text: String, _ connection: PostgresConnection) throws {
        if let notice = ChangeNotice(text: text) {
            tell(try notice.change(in: PostgresTransaction(connection: connection)))
        } else if text.hasPrefix(Self.endMark + "\(settings.processID) "), let word = text.split(separator: " ").last,
            let end = Int(word)
        {
            state.withLock { $0.ends.heard(end) }?.resume()
        }
    }

    private func missed() {
        tell(.missed)
        for waiter in state.withLock({ $0.ends.heardAll() }) { waiter.resume() }
    }

    private func tell(_ change: FunctionChange) {
        for observer in state.withLock({ $0.observers }) { observer(change) }
    }
}
