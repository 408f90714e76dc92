import LambdaAPI
import MetadataStore
import MetadataStoreSQL
import Synchronization

/// Tells the processes that share a queue of the events that others of them have appended.
final class EventAppends: Sendable {
    private typealias Observer = @Sendable (AppendNotice) -> Void

    private struct Place: Hashable {
        let shard: Int
        let lane: EventLane
    }

    private let settings: PostgresSettings
    private let observers = Mutex<[Observer]>([])

    init(_ settings: PostgresSettings) {
        self.settings = settings
    }

    /// What a listener of the channel does.
    var handler: NotificationListener.Handler {
        NotificationListener.Handler(
            heard: { [weak self] text, _ in self?.hear(text) },
            missed: { [weak self] in self?.tell(.missed) }
        )
    }

    func observe(_ observer: @escaping @Sendable (AppendNotice) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    /// Has the others notified when the transaction that appends events is committed, once for each place.
    func notify(of events: [NewEvent], in database: any SQLTransaction) throws {
        var counts: [Place: Int] = [:]
        for event in events { counts[Place(shard: event.shard, lane: event.lane), default: 0] += 1 }
        for (place, count) in counts {
            let text = "\(settings.processID) \(place.shard) \(count) \(place.lane.text)"
            try NotificationListener.notify(settings.eventChannel, of: text, in: database)
        }
    }

    private func hear(_ text: String) {
        let words = text.split(separator: " ", maxSplits: 3)
        guard words.count == 4, words[0] != settings.processID, let shard = Int(words[1]), let count = Int(words[2]),
            let lane = EventLane(text: String(words[3]))
        else { return }
        tell(.appended(shard: shard, lane: lane, count: count))
    }

    private func tell(_ notice: AppendNotice) {
        for observer in observers.withLock({ $0 }) { observer(notice) }
    }
}
