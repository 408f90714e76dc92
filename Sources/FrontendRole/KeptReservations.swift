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

        init(_ function: InvocableFunction, _ eventLoop: any EventLoop) {
            configuration = function.configurationID
            self.eventLoop = ObjectIdentifier(eventLoop)
        }
    }

    private let list = Mutex(KeptReservationList<Key, Reservation>())

    private static func now() -> Int { Int(clamping: NIODeadline.now().uptimeNanoseconds) }

    /// Keeps one.
    func add(_ reservation: Reservation, for function: InvocableFunction, on eventLoop: any EventLoop) {
        let (key, now) = (Key(function, eventLoop), Self.now())
        list.withLock { $0.add(reservation, for: key, at: now) }
    }

    /// Takes out the latest that can be used still.
    func take(for function: InvocableFunction, on eventLoop: any EventLoop) -> Reservation? {
        let (key, now) = (Key(function, eventLoop), Self.now())
        return list.withLock { $0.take(for: key, at: now) }
    }
}
