package import Foundation

/// From when until when a certificate is good.
package struct CertificateValidity: Hashable, Sendable {
    /// How long before its issue a certificate is good already, for hosts whose clocks are behind.
    package static let leeway: TimeInterval = 300
    /// What a host's certificate has unless it is told otherwise.
    package static let standard = Duration.seconds(24 * 3600)
    /// What nobody should want more of: such a certificate is as good as one that never ends.
    package static let durationMax = Duration.seconds(825 * 86_400)

    /// When the certificate was made, in whole seconds.
    package let issued: Date
    /// When it ends, in whole seconds.
    package let expires: Date

    /// A life that starts at a moment. The moment may be in the past: the certificate may even be over.
    package init(from issued: Date, for duration: Duration) {
        self.issued = Date(timeIntervalSince1970: issued.timeIntervalSince1970.rounded(.down))
        expires = self.issued.addingTimeInterval(TimeInterval(duration.components.seconds))
    }

    /// What a certificate says.
    init(notBefore: Date, notAfter: Date) {
        issued = notBefore.addingTimeInterval(Self.leeway)
        expires = notAfter
    }

    /// The first moment at which the certificate is good.
    package var notBefore: Date { issued.addingTimeInterval(-Self.leeway) }
}
