import MetadataStore
import MetadataStoreSQL
import Synchronization

/// Tells the processes of a fleet what has changed of its bookkeeping, the one that has changed it as well.
final class FleetNotices: Sendable {
    private typealias Observer = @Sendable (FleetNotice) -> Void

    private static let wantedWord = "wanted"

    private let channel: String
    private let observers = Mutex<[Observer]>([])

    init(_ settings: PostgresSettings) {
        channel = settings.fleetChannel
    }

    /// What a listener of the channel does.
    var handler: NotificationListener.Handler {
        NotificationListener.Handler(
            heard: { [weak self] text, _ in self?.hear(text) },
            missed: { [weak self] in self?.tell(.missed) }
        )
    }

    func observe(_ observer: @escaping @Sendable (FleetNotice) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    /// Has all listeners notified when the transaction is committed.
    func notify(of notice: FleetNotice, in database: any SQLTransaction) throws {
        let text: String
        switch notice {
        case .changed(let table): text = table.rawValue
        case .wanted: text = Self.wantedWord
        case .missed: return
        }
        try NotificationListener.notify(channel, of: text, in: database)
    }

    private func hear(_ text: String) {
        if text == Self.wantedWord {
            tell(.wanted)
        } else if let table = FleetTable(rawValue: text) {
            tell(.changed(table))
        }
    }

    private func tell(_ notice: FleetNotice) {
        for observer in observers.withLock({ $0 }) { observer(notice) }
    }
}
