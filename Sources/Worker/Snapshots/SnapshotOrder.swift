import LambdaAPI
import Synchronization

/// Somebody waits for the snapshot of a template: the first outcome is the one that counts.
final class SnapshotOrder: Sendable {
    private enum State {
        case open(CheckedContinuation<Result<FunctionSnapshot, SnapshotFailure>, Never>?)
        case done(Result<FunctionSnapshot, SnapshotFailure>)
    }

    private let state = Mutex(State.open(nil))

    /// Returns when there is one, or will be none. To be asked for once. Not cancellable: an environment comes to an end in time.
    func outcome() async throws(SnapshotFailure) -> FunctionSnapshot {
        let result = await withCheckedContinuation { continuation in
            let done = state.withLock { state -> Result<FunctionSnapshot, SnapshotFailure>? in
                guard case .done(let result) = state else {
                    state = .open(continuation)
                    return nil
                }
                return result
            }
            if let done { continuation.resume(returning: done) }
        }
        return try result.get()
    }

    func succeed(_ snapshot: FunctionSnapshot) {
        complete(.success(snapshot))
    }

    func fail(_ failure: SnapshotFailure) {
        complete(.failure(failure))
    }

    private func complete(_ result: Result<FunctionSnapshot, SnapshotFailure>) {
        let waiting = state.withLock {
            state -> CheckedContinuation<Result<FunctionSnapshot, SnapshotFailure>, Never>? in
            guard case .open(let continuation) = state else { return nil }
            state = .done(result)
            return continuation
        }
        waiting?.resume(returning: result)
    }
}

/// Why there is no snapshot of a function.
package enum SnapshotFailure: Error {
    /// The function could not initialise, and would fare no better elsewhere.
    case function(FunctionFailure)
    /// The host could not make one; the reason is for the operator.
    case host(reason: String)
    /// The service is shutting down.
    case stopped

    /// What the function did, in the words of Lambda's error documents.
    package struct FunctionFailure: Sendable, Equatable {
        /// Such as `Runtime.ExitError`; `Sandbox.Timedout` where it took too long.
        package let errorType: String
        package let message: String
        /// Whether it took longer than it may.
        package let isTimeout: Bool
    }

    static func function(_ document: FailureDocument) -> SnapshotFailure {
        .function(
            FunctionFailure(
                errorType: document.errorType,
                message: document.message,
                isTimeout: document.status == .timeout
            )
        )
    }
}

/// Watches over a template, of which nobody but its order needs to hear.
final class TemplateObserver: EnvironmentObserver {
    private let order: SnapshotOrder

    init(_ order: SnapshotOrder) {
        self.order = order
    }

    func environmentInitialised(_ environment: any ManagedEnvironment) {}
    func environmentAnswered(_ environment: any ManagedEnvironment) {}
    func environmentBecameIdle(_ environment: any ManagedEnvironment) {}
    func environmentFailedToInitialise(_ environment: any ManagedEnvironment, _ failure: InvokeFailure) {}
    func functionFailedToInitialise(in environment: any ManagedEnvironment) {}
    func environmentEnded(_ environment: any ManagedEnvironment) {}

    func environmentRemoved(_ environment: any ManagedEnvironment) {
        // Whatever was the reason has been told by now, if it is known.
        order.fail(.host(reason: "the environment has ended before there was a snapshot of it"))
    }
}
