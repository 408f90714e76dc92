import LambdaAPI

/// Keeps the pages of other sites from using a browser on this host to call a service that lets everybody on the host in.
///
/// A browser tells where a script is from, in `Origin`, and the name that it believes to speak to, in `Host`; no SDK does the
/// first, and only who has been lied to about an address has a strange name in the second. Function URLs are for browsers and
/// have rules of their own.
struct BrowserGuard: Sendable {
    /// Whether it matters who comes: signatures cannot be made by other sites' scripts.
    let isNeeded: Bool
    /// Whether only this host is listened to, so that it has to be named.
    let isLoopback: Bool

    /// Throws `AccessDeniedException` for what a page of another site has sent.
    func check(host: String?, origin: String?) throws(LambdaError) {
        guard isNeeded else { return }
        if let origin, origin.split(separator: "/").last.map({ String($0) }) != host {
            throw .accessDenied("Requests of web pages (Origin \(origin)) are refused while nobody has to sign.")
        }
        guard isLoopback, let host, !Self.isAddress(host), !Self.isLocal(host) else { return }
        throw .accessDenied("This service is reached as localhost, and not as \(host), while nobody has to sign.")
    }

    /// Whether a `Host` header has an address of IPv4, as nearly all have; looked at first, since it costs nothing.
    private static func isAddress(_ host: String) -> Bool {
        host.utf8.allSatisfy { (0x30...0x3A).contains($0) || $0 == UInt8(ascii: ".") }
    }

    /// Domains in which nobody can register a name. Sources: RFC 6761, RFC 6762, and `internal` as ICANN has reserved it.
    private static let privateDomains: Set<Substring> = ["localhost", "local", "test", "internal"]

    /// Whether a `Host` header has an address, a name without a domain, or one that no stranger can have.
    private static func isLocal(_ host: String) -> Bool {
        if host.hasPrefix("[") { return true }
        let name = host.split(separator: ":", omittingEmptySubsequences: false).first ?? ""
        let labels = name.split(separator: ".")
        guard labels.count > 1, let domain = labels.last else { return true }
        return privateDomains.contains(domain) || domain.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
