import LambdaAPI
import NIOCore
import Synchronization
import Worker

/// Environments that a frontend may use once more without asking their manager, for the moment that their workers keep them.
///
/// Each belongs to the event loop that the link to its worker lives on.
final class KeptReservations: Sendable {
    private struct Key: Hashable {
        let configuration: InvocableFunction.ConfigurationID
        let eventLoop: ObjectIdentifier
    }

    private struct Kept {
        let reservation: Reservation
        let until: NIODeadline
    }

    /// How long one may be used. Shorter than workers keep it, by what a message takes to get there.
    private static let lifetime = TimeAmount.milliseconds(3)
    /// The most that are kept for one function on one event loop.
    private static let countMax = 256

    /// The latest at the end.
    private let kept = Mutex<[Key: [Kept]]>([:])

    /// Keeps one.
    func add(_ reservation: Reservation, for function: InvocableFunction, on eventLoop: any EventLoop) {
        let key = Key(configuration: function.configurationID, eventLoop: ObjectIdentifier(eventLoop))
        let now = NIODeadline.now()
        kept.withLock { kept in
            var list = kept[key] ?? []
            kept[key] = nil
            if let oldest = list.first, oldest.until < now || list.count >= Self.countMax {
                list.removeAll { $0.until < now }
                if list.count >= Self.countMax { list.removeFirst() }
            }
            list.append(Kept(reservation: reservation, until: now + Self.lifetime))
            kept[key] = list
        }
    }

    /// Takes out the latest that can be used still.
    func take(for function: InvocableFunction, on eventLoop: any EventLoop) -> Reservation? {
        let key = Key(configuration: function.configurationID, eventLoop: ObjectIdentifier(eventLoop))
        return kept.withLock { kept in
            guard let last = kept[key]?.popLast() else { return nil }
            if last.until >= .now() { return last.reservation }
            // All others are older still.
            kept[key] = nil
            return nil
        }
    }
}
