package import AsyncHTTPClient
package import Identity
package import LambdaAPI
import NIOCore
import NIOHTTP1

/// Where a service is, and who asks it.
package struct ServiceEndpoint: Sendable {
    /// The name that signatures have for the service, such as `sqs`.
    package let service: String
    /// Scheme, host and port, such as `http://127.0.0.1:9324`; no path.
    package let url: String
    /// The region that signatures name.
    package let region: String
    /// Nil where anybody may ask.
    package let credentials: Credentials?

    /// An endpoint by its parts.
    package init(service: String, url: String, region: String, credentials: Credentials?) {
        self.service = service
        self.url = url
        self.region = region
        self.credentials = credentials
    }

    /// The request as it goes to the service: signed, if there are credentials.
    ///
    /// - Parameter payload: The hash of the body, where it is known already.
    package func signed(
        _ request: ServiceRequest,
        payload: PayloadHash? = nil,
        at moment: Timestamp
    ) -> HTTPClientRequest {
        var headers = [(name: "Host", value: host)] + request.headers
        if let credentials {
            let signer = SigV4Signer(credentials: credentials, region: region, service: service)
            let signing = SigningRequest(
                method: request.method.rawValue,
                path: request.path,
                query: request.query,
                headers: headers
            )
            headers += signer.headers(signing: signing, payload: payload ?? PayloadHash(of: request.body), at: moment)
        }
        var signed = HTTPClientRequest(url: url + request.path + (request.query.isEmpty ? "" : "?\(request.query)"))
        signed.method = request.method
        signed.headers = HTTPHeaders(headers)
        if !request.body.isEmpty { signed.body = .bytes(ByteBuffer(bytes: request.body)) }
        return signed
    }

    /// Host and port as the `Host` header has them.
    private var host: String {
        url.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first.map { String($0) } ?? ""
    }
}
