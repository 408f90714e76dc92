/// What a request to a function URL is for: which URL, and the path and query that the function sees.
package struct FunctionURLAddress: Equatable, Sendable {
    /// Which URL. There need not be one of that name.
    package let id: FunctionURLID
    /// The path, percent-encoded as the client sent it; at least `/`.
    package let rawPath: String
    /// The query as the client sent it, without the question mark; empty if there is none.
    package let rawQuery: String

    /// What the paths of the path form begin with: `/_url/<url-id>/rest`. No path of the API begins so.
    static let pathPrefix = "/_url/"

    /// Nil if the request is not for a function URL.
    ///
    /// This stands in front of every request, so those to the API are told apart by a few bytes and without allocating.
    ///
    /// - Parameters:
    ///   - host: The `Host` header.
    ///   - uri: The request's target, in whichever of HTTP's forms.
    ///   - domain: Below which the hosts of URLs are.
    package init?(host: String?, uri: String, in domain: FunctionURLDomain) {
        if let host, let id = domain.id(inHost: host) {
            self.init(id, target: Self.originForm(of: uri[...]))
        } else {
            guard uri.utf8.starts(with: Self.pathPrefix.utf8) else { return nil }
            let rest = uri.utf8.dropFirst(Self.pathPrefix.utf8.count)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
            guard let id = FunctionURLID(label: rest[..<end]) else { return nil }
            self.init(id, target: uri[end...])
        }
    }

    private init(_ id: FunctionURLID, target: Substring) {
        self.id = id
        let pathEnd = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        rawPath = pathEnd == target.startIndex ? "/" : String(target[..<pathEnd])
        rawQuery = String(target[pathEnd...].dropFirst())
    }

    /// The path and query of a target in any form. A proxy's client sends a whole URL, and `OPTIONS *` has no path.
    /// Source: RFC 9112 section 3.2.
    private static func originForm(of target: Substring) -> Substring {
        guard target.utf8.first != UInt8(ascii: "/") else { return target }
        let scheme = target.utf8.prefix { ![UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "?")].contains($0) }
        guard target[scheme.endIndex...].utf8.starts(with: "://".utf8) else {
            return target[(target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex)...]
        }
        let authority = target[scheme.endIndex...].utf8.dropFirst(3)
        let end = authority.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? authority.endIndex
        return target[end...]
    }
}
