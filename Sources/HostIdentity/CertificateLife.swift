import Foundation

/// The life of this host's certificate: when it is renewed, and when somebody must hear of its end. It reads no clock.
struct CertificateLife: Sendable {
    /// What is to be done now.
    enum Action: Equatable, Sendable {
        /// To ask for a new certificate, and then to tell ``renewed(_:)`` or ``renewalFailed(at:)``.
        case renew
        /// To warn: the certificate ends soon, and should have been replaced long ago.
        case warn
        /// To report that the certificate has ended: no new connection is secured with it.
        case reportEnd
    }

    /// The share of the life after which the certificate is renewed.
    static let renewalShare = 2.0 / 3
    /// The share that is left when warnings begin. Renewals have failed for a while by then.
    static let warningShare = 0.25
    /// The share of the life between two warnings.
    static let reportShare = 1.0 / 24
    /// The shares of the life that are waited after the first failed renewal, and at most.
    static let retryShares = (first: 0.01, most: 0.05)

    private enum Renewal: Equatable {
        /// Nobody renews it but the operator.
        case none
        /// The next attempt, and how many have failed.
        case due(Date, failures: Int)
        case underWay(failures: Int)
    }

    private(set) var validity: CertificateValidity
    private var renewal: Renewal
    private var nextReport: Date
    private var endIsReported = false

    init(_ validity: CertificateValidity, renews: Bool) {
        self.validity = validity
        renewal = renews ? .due(Self.renewalDue(validity), failures: 0) : .none
        nextReport = Self.firstReport(validity)
    }

    /// What the time brings.
    mutating func timePassed(to now: Date) -> [Action] {
        var actions: [Action] = []
        // An ended certificate secures no connection, that to the authority neither.
        if case .due(let moment, let failures) = renewal, now >= moment, now < validity.expires {
            renewal = .underWay(failures: failures)
            actions.append(.renew)
        }
        let hasEnded = now > validity.expires
        // The end itself is told at once, however short ago the last warning was.
        if now >= nextReport || hasEnded && !endIsReported {
            nextReport = now.addingTimeInterval(reportInterval)
            endIsReported = hasEnded
            actions.append(hasEnded ? .reportEnd : .warn)
        }
        return actions
    }

    /// There is a new certificate, whoever has brought it.
    mutating func renewed(_ validity: CertificateValidity) {
        self = CertificateLife(validity, renews: renewal != .none)
    }

    /// The renewal that was asked for has failed. If a new certificate has come meanwhile by another way, it was no
    /// loss.
    mutating func renewalFailed(at now: Date) {
        guard case .underWay(let failures) = renewal else { return }
        let delay = min(Self.retryShares.first * pow(2, Double(min(failures, 10))), Self.retryShares.most) * length
        renewal = .due(now.addingTimeInterval(max(delay, 1)), failures: failures + 1)
    }

    private var length: TimeInterval { Self.length(validity) }
    private var reportInterval: TimeInterval { max(Self.reportShare * length, 1) }

    private static func length(_ validity: CertificateValidity) -> TimeInterval {
        validity.expires.timeIntervalSince(validity.issued)
    }

    private static func renewalDue(_ validity: CertificateValidity) -> Date {
        validity.issued.addingTimeInterval(renewalShare * length(validity))
    }

    static func firstReport(_ validity: CertificateValidity) -> Date {
        validity.expires.addingTimeInterval(-warningShare * length(validity))
    }
}
