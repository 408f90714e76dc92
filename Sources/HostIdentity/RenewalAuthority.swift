/// Where a host's certificate is renewed: the service of `swiftlet ca serve`, or the authority's own directory.
package protocol RenewalAuthority: Sendable {
    /// A new certificate, as PEM, for the host that asks, and for the key of a signing request. Throws
    /// ``HostIdentityError``, with ``HostIdentityError/Code/unavailable`` where a later attempt may help.
    func renew(signingRequest: String, as credentials: HostCredentials) async throws -> String

    /// The signed list of the revoked.
    func revocationList(as credentials: HostCredentials) async throws -> String
}
