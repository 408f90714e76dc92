package import LambdaAPI
import NIOCore
package import NIOHTTP1

/// What a function URL tells browsers about who may call it from scripts of other sites.
///
/// The function has no say in it: preflights never reach it, and where the origin is allowed, the policy replaces the
/// headers that the function itself sets, since browsers refuse an answer that has them twice.
/// Source: `spec/control-plane.md` section 5.
package struct CORSPolicy: Sendable {
    private let cors: Cors

    /// The policy of a URL whose configuration has a `Cors` member.
    package init(_ cors: Cors) {
        self.cors = cors
    }

    /// The answer to a preflight, for which nothing is invoked; nil if the request is none. A browser takes an answer that
    /// does not name its origin as a refusal.
    package func preflightAnswer(method: HTTPMethod, headers: HTTPHeaders) -> FunctionURLResponse? {
        guard method == .OPTIONS, let origin = headers.first(name: "Origin"),
            let requestedMethod = headers.first(name: "Access-Control-Request-Method")
        else { return nil }
        var answer = HTTPHeaders()
        if allows(origin) {
            addOrigin(origin, to: &answer)
            let methods = Self.list(cors.allowMethods, ifAny: requestedMethod)
            answer.addIfPresent("Access-Control-Allow-Methods", methods)
            let requestedHeaders = headers[canonicalForm: "Access-Control-Request-Headers"].joined(separator: ",")
            answer.addIfPresent("Access-Control-Allow-Headers", Self.list(cors.allowHeaders, ifAny: requestedHeaders))
            answer.addIfPresent("Access-Control-Max-Age", cors.maxAge.map { String($0) })
        }
        answer.add(name: "Vary", value: "Origin")
        return FunctionURLResponse(head: FunctionURLResponseHead(status: .ok, headers: answer), body: ByteBuffer())
    }

    /// Sets the policy's headers on the answer to any other request.
    ///
    /// - Parameter origin: The request's `Origin` header; nil if there is none.
    package func apply(to headers: inout HTTPHeaders, origin: String?) {
        // Whether or not this origin is allowed, a cache must not give the answer to another.
        if !headers[canonicalForm: "Vary"].contains(where: { $0.lowercased() == "origin" || $0 == "*" }) {
            headers.add(name: "Vary", value: "Origin")
        }
        guard let origin, allows(origin) else { return }
        for name in Self.names { headers.remove(name: name) }
        addOrigin(origin, to: &headers)
        headers.addIfPresent("Access-Control-Expose-Headers", Self.list(cors.exposeHeaders, ifAny: "*"))
    }

    private static let any = "*"

    /// All headers of an answer that a policy replaces.
    private static let names = [
        "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
    ]

    /// Origins are compared byte by byte, and patterns other than the lone asterisk are not among what AWS documents.
    private func allows(_ origin: String) -> Bool {
        guard !origin.isEmpty, HTTPFieldText.isValue(origin) else { return false }
        return (cors.allowOrigins ?? []).contains { $0 == Self.any || $0.utf8.elementsEqual(origin.utf8) }
    }

    /// Names the caller's own origin even where all are allowed: with credentials, browsers take an asterisk for none.
    private func addOrigin(_ origin: String, to headers: inout HTTPHeaders) {
        headers.add(name: "Access-Control-Allow-Origin", value: origin)
        if cors.allowCredentials == true {
            headers.add(name: "Access-Control-Allow-Credentials", value: "true")
        }
    }

    /// The values as a header lists them, or what was asked for if all are allowed; nil if there is nothing to say.
    private static func list(_ values: [String]?, ifAny requested: String) -> String? {
        guard let values, !values.isEmpty else { return nil }
        let text = values.contains(any) ? requested : values.joined(separator: ",")
        return text.isEmpty || !HTTPFieldText.isValue(text) ? nil : text
    }
}

extension HTTPHeaders {
    fileprivate mutating func addIfPresent(_ name: String, _ value: String?) {
        if let value { add(name: name, value: value) }
    }
}
