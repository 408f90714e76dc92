/// What a host does in its fleet.
package enum HostRole: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Takes requests of clients.
    case frontend
    /// Decides which environments there are.
    case manager
    /// Runs functions.
    case worker
    /// A person, or a program that acts for one.
    case `operator`
    /// Renews certificates.
    case authority

    package var description: String { rawValue }
}

/// Who a host is to the others of its fleet: one role and one name.
///
/// A certificate carries it as its only subject alternative name, a uniform resource identifier (RFC 5280, section
/// 4.2.1.6): `swiftlet://FLEET/ROLE/NAME`. Peers are told apart by it alone, never by an address or a DNS name, so
/// hosts may move and share addresses.
package struct HostIdentity: Hashable, Sendable, CustomStringConvertible {
    static let scheme = "swiftlet://"

    package let role: HostRole
    /// 1 to 63 of `a-z`, `0-9`, `.` and `-`.
    package let name: String

    /// Throws ``HostIdentityError/Code/invalidName`` if the name is none.
    package init(role: HostRole, name: String) throws(HostIdentityError) {
        guard FleetName.isGood(name) else {
            throw HostIdentityError(.invalidName, "\(FleetName.rule(for: "the name of a host")): '\(name)'")
        }
        self.role = role
        self.name = name
    }

    /// From `ROLE/NAME`. Throws ``HostIdentityError/Code/invalidName`` for any other text.
    package init(_ text: String) throws(HostIdentityError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let role = HostRole(rawValue: String(parts[0])) else {
            throw HostIdentityError(.invalidName, "an identity is ROLE/NAME: '\(text)'")
        }
        try self.init(role: role, name: String(parts[1]))
    }

    /// `ROLE/NAME`.
    package var description: String { "\(role)/\(name)" }

    /// The name in certificates.
    func uri(in fleet: FleetName) -> String {
        "\(fleet.uri)/\(self)"
    }

    /// Reads a name of a certificate. Throws ``HostIdentityError/Code/untrusted`` for one of another form: two ways to
    /// write one identity would be two ways to get past a comparison.
    static func parse(uri: String) throws(HostIdentityError) -> (fleet: FleetName, identity: HostIdentity) {
        let parts = uri.hasPrefix(scheme) ? uri.dropFirst(scheme.count).split(separator: "/", maxSplits: 1) : []
        guard parts.count == 2, let fleet = try? FleetName(String(parts[0])),
            let identity = try? HostIdentity(String(parts[1])), identity.uri(in: fleet) == uri
        else { throw HostIdentityError(.untrusted, "the certificate names no host of a fleet: '\(uri)'") }
        return (fleet, identity)
    }
}
