package import LambdaAPI
package import LogStore
import LogsAPI
import NIOPosix
import Telemetry

/// What each operation of CloudWatch Logs does, on the log store of this service.
///
/// Errors, limits and defaults are those of the API's documents; where those have no text for an error, it says what is
/// wrong and what to do.
package struct LogsService: LogsOperations {
    let store: LogStore
    let names: LogNames
    private let clock: @Sendable () -> Timestamp

    /// - Parameter clock: Tells the time; tests set it.
    package init(store: LogStore, locality: Locality, clock: @escaping @Sendable () -> Timestamp = { .now() }) {
        self.store = store
        self.names = LogNames(locality: locality)
        self.clock = clock
    }

    var now: Timestamp { clock() }

    /// Runs what blocks on a thread that may.
    func onDisk<Value: Sendable>(
        _ body: @escaping @Sendable (LogStore) throws -> Value
    ) async throws(LogsError) -> Value {
        do {
            return try await NIOThreadPool.singleton.runIfActive { [store] in try body(store) }
        } catch {
            throw Self.apiError(error)
        }
    }

    /// The one place where the store's errors become those of the API.
    static func apiError(_ error: any Error) -> LogsError {
        switch error {
        case let error as LogsError: error
        case let error as LogStoreError where error.code == .groupNotFound: .groupNotFound
        case let error as LogStoreError where error.code == .groupExists: .groupExists
        case let error as LogStoreError where error.code == .streamNotFound: .streamNotFound
        case let error as LogStoreError where error.code == .streamExists: .streamExists
        default: .unavailable(cause: error)
        }
    }
}
