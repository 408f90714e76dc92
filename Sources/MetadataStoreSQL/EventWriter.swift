import Dispatch
package import MetadataStore
import Synchronization

/// Writes changes of events in groups, as ``GroupCommit`` says, wherever the database is.
package final class EventWriter: Sendable {
    /// What each of a group's changes has come to.
    package typealias Results = [Result<[EventID], MetadataStoreError>]
    /// Makes the changes in one transaction; throws if none of them was made.
    package typealias Apply = ([EventChange]) throws -> Results

    private struct Waiting: Sendable {
        let change: EventChange
        let completion: @Sendable (Result<[EventID], MetadataStoreError>) -> Void
    }

    /// How long changes that nobody waits for are gathered.
    private static let pause = DispatchTimeInterval.milliseconds(2)

    private let changes = Mutex(GroupCommit<Waiting>())
    private let onWriter: @Sendable (_ turn: @escaping @Sendable (Apply) -> Void) -> Void

    /// - Parameter onWriter: Calls `turn` where the database is written, as soon as that is free, with what makes changes
    ///   there.
    package init(_ onWriter: @escaping @Sendable (_ turn: @escaping @Sendable (Apply) -> Void) -> Void) {
        self.onWriter = onWriter
    }

    /// Writes a change; see ``MetadataStore/EventStore/write(_:completion:)``.
    package func write(
        _ change: EventChange,
        completion: @escaping @Sendable (Result<[EventID], MetadataStoreError>) -> Void
    ) {
        let waiting = Waiting(change: change, completion: completion)
        carryOut(changes.withLock { $0.add(waiting, isPatient: change.isPatient) })
    }

    private func carryOut(_ action: GroupCommit<Waiting>.Action?) {
        switch action {
        case .write: onWriter { self.writeGroup($0) }
        case .pause(let number):
            DispatchQueue.global().asyncAfter(deadline: .now() + Self.pause) { [self] in
                carryOut(changes.withLock { $0.pauseEnded(number) })
            }
        case nil: return
        }
    }

    private func writeGroup(_ apply: Apply) {
        let group = changes.withLock { $0.takeGroup() }
        do {
            for (waiter, result) in zip(group, try apply(group.map(\.change))) { waiter.completion(result) }
        } catch {
            for waiter in group { waiter.completion(.failure(.failed(to: "write events", error))) }
        }
        carryOut(changes.withLock { $0.groupWritten() })
    }
}
