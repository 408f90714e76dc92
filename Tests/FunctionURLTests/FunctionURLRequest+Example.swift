import LambdaAPI
import NIOCore
import NIOHTTP1

@testable import FunctionURL

extension FunctionURLRequest {
    /// A request over plain HTTP to a URL for everybody.
    static func example(
        method: HTTPMethod = .GET,
        uri: String = "/",
        headers: HTTPHeaders = [:],
        body: [UInt8] = []
    ) -> FunctionURLRequest {
        let domain = FunctionURLDomain(region: "us-west-2", suffix: "on.aws")
        let id = FunctionURLID("url-id")
        return FunctionURLRequest(
            address: FunctionURLAddress(host: domain.name(of: id), uri: uri, in: domain)!,
            domainName: domain.name(of: id),
            head: HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers),
            body: ByteBuffer(bytes: body),
            connection: Connection(sourceIP: "123.123.123.123", port: 9000),
            caller: nil,
            requestID: RequestID("5d9a0b1c-0000-4000-8000-000000000000"),
            traceHeader: "Root=1-5e6b67ad-2d4a5560cf6fb7a02780c3a0",
            accountID: "123456789012",
            time: Timestamp(milliseconds: 1_584_039_838_390)
        )
    }

    /// The event of the request, read back.
    var event: JSONObject {
        get throws { try JSONObject(json: JSONParser.parse(JSONWriter.bytes(of: FunctionURLEvent(self)))) }
    }
}
