package import LambdaAPI
package import LogStore
import LogsAPI
import Telemetry

/// What each operation of CloudWatch Logs does, wherever the logs are.
///
/// Errors, limits and defaults are those of the API's documents; where those have no text for an error, it says what is
/// wrong and what to do.
package struct LogsService: LogsOperations {
    let archive: any LogArchive
    let names: LogNames
    private let clock: @Sendable () -> Timestamp

    /// - Parameter clock: Tells the time; tests set it.
    package init(
        archive: any LogArchive,
        locality: Locality,
        clock: @escaping @Sendable () -> Timestamp = { .now() }
    ) {
        self.archive = archive
        self.names = LogNames(locality: locality)
        self.clock = clock
    }

    /// The logs of this host.
    package init(store: LogStore, locality: Locality, clock: @escaping @Sendable () -> Timestamp = { .now() }) {
        self.init(archive: HostLogArchive(store: store), locality: locality, clock: clock)
    }

    var now: Timestamp { clock() }
}
