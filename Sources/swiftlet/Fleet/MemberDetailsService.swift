import Fleet
import FleetStatus
import Foundation
import HostIdentity
import ServiceLifecycle
import Telemetry

/// Keeps what a member says of itself up to date as long as the process runs.
struct MemberDetailsService: Service {
    /// How soon others hear that something is different.
    private static let interval = Duration.seconds(2)

    let membership: FleetMembership
    /// What there is to say now. The membership has begun with it.
    let details: @Sendable () -> MemberDetails

    func run() async {
        await cancelWhenGracefulShutdown {
            var told = details()
            while (try? await Task.sleep(for: Self.interval)) != nil {
                let current = details()
                guard current != told else { continue }
                membership.describe(current.document)
                told = current
            }
        }
    }
}

extension MemberDetails {
    /// What every role says of itself.
    init(_ credentials: HostCredentials) {
        self.init(version: Release.version)
        // To the second, as the document has it.
        certificateEnds = credentials.expires.wholeSeconds
        certificateIsLateFrom = credentials.isLateFrom.wholeSeconds
    }
}

extension Date {
    var wholeSeconds: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
