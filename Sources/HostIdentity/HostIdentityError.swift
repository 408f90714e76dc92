/// An error of the certificates between hosts.
package struct HostIdentityError: Error, Equatable, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case invalidName, invalidFile, invalidRequest, exposedKey, untrusted, wrongFleet, wrongRole, wrongName,
                expired, notYetValid, revoked, refusedByPeer, noHandshake, timeout, unavailable, tooMany
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// A text names no fleet, role or host.
        package static let invalidName = Code(.invalidName)
        /// A file holds nothing that can be used.
        package static let invalidFile = Code(.invalidFile)
        /// A signing request that the authority does not follow.
        package static let invalidRequest = Code(.invalidRequest)
        /// Others than its owner can read a private key.
        package static let exposedKey = Code(.exposedKey)
        /// The certificate is none of the authority's, or none for a host.
        package static let untrusted = Code(.untrusted)
        /// The certificate is of another fleet.
        package static let wrongFleet = Code(.wrongFleet)
        /// The peer has a role that is not wanted here.
        package static let wrongRole = Code(.wrongRole)
        /// The peer has the right role, and is another host.
        package static let wrongName = Code(.wrongName)
        /// The certificate's life is over.
        package static let expired = Code(.expired)
        /// The certificate's life has not begun.
        package static let notYetValid = Code(.notYetValid)
        /// The certificate, or its host, is revoked.
        package static let revoked = Code(.revoked)
        /// The peer has not accepted this host's certificate; its own log says why.
        package static let refusedByPeer = Code(.refusedByPeer)
        /// The connection has ended, or was never secured, before both sides knew each other.
        package static let noHandshake = Code(.noHandshake)
        /// The peer has taken too long.
        package static let timeout = Code(.timeout)
        /// The disk or the authority cannot be reached.
        package static let unavailable = Code(.unavailable)
        /// More was asked for than is given in that time.
        package static let tooMany = Code(.tooMany)

        package var description: String { value.rawValue }
    }

    package let code: Code
    /// Operation, reason, offending value.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
