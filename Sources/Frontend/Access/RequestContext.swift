import HTTPTypes
import Hummingbird
import HummingbirdCore
import Identity

/// What the router knows of a request beside the request: the connection that it came on.
struct APIRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The client's address, without a port.
    let sourceIP: String?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        sourceIP = source.channel.remoteAddress?.ipAddress
    }
}

extension SigningRequest {
    /// A request as the router has it.
    init(_ request: Request) {
        var headers = request.headers.map { (name: $0.name.rawName, value: $0.value) }
        if let authority = request.head.authority, request.headers[.host] == nil {
            headers.append(("host", authority))
        }
        self.init(method: request.method.rawValue, target: request.head.path ?? "/", headers: headers)
    }
}

extension HTTPField.Name {
    fileprivate static let host = HTTPField.Name("Host")!
    /// How long a body is without the signatures of its chunks.
    static let decodedContentLength = HTTPField.Name("x-amz-decoded-content-length")!
}
