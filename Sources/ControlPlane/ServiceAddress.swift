import FunctionURL
import LambdaAPI

/// Where clients reach the service.
package struct ServiceAddress: Hashable, Sendable {
    /// `http` or `https`.
    package var scheme: String
    /// A name or an address; one of IPv6 without brackets.
    package var host: String
    package var port: Int
    /// The domain that the host names of functions' URLs end with.
    package var functionDomain = "localhost"

    package init(scheme: String, host: String, port: Int) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    /// Host and port as they stand in a URL.
    package var authority: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// Such as `http://127.0.0.1:9000`.
    package var url: String { "\(scheme)://\(authority)" }

    /// Such as `http://<id>.lambda-url.us-east-1.localhost:9000/`. Source: `spec/control-plane.md` section 5.
    func functionURL(_ id: FunctionURLID, in locality: Locality) -> String {
        FunctionURLDomain(region: locality.region, suffix: functionDomain).url(of: id, scheme: scheme, port: port)
    }
}
