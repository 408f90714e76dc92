package import LambdaAPI
import NIOCore
import NIOHTTP1

/// What a function receives for a request to its URL: API Gateway's payload of version 2.0.
/// Source: `spec/control-plane.md` section 5.
package struct FunctionURLEvent: JSONEncodable {
    private let request: FunctionURLRequest
    private let headers: EventHeaders
    private let parameters: QueryParameters

    /// The event of a request, any request: there is none that has no event.
    package init(_ request: FunctionURLRequest) {
        self.request = request
        headers = EventHeaders(request)
        parameters = QueryParameters(rawQuery: request.address.rawQuery)
    }

    /// The members are in the order of AWS's documents.
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("version", "2.0")
            writer.member("routeKey", Self.default)
            writer.member("rawPath", request.address.rawPath)
            writer.member("rawQueryString", request.address.rawQuery)
            writer.member("cookies", headers.cookies.isEmpty ? nil : headers.cookies)
            writer.member("headers") { writer in
                for (name, value) in headers.pairs { writer.member(name, value) }
            }
            if !parameters.pairs.isEmpty {
                writer.member("queryStringParameters") { writer in
                    for (name, value) in parameters.pairs { writer.member(name, value) }
                }
            }
            writer.member("requestContext", object: writeContext)
            writeBody(to: &writer)
        }
    }

    /// Stands for the route and the stage, which only API Gateway has.
    private static let `default` = "$default"

    private func writeContext(to writer: inout JSONWriter) {
        writer.member("accountId", request.caller == nil ? "anonymous" : request.accountID)
        writer.member("apiId", request.address.id.rawValue)
        if let caller = request.caller {
            writer.member("authorizer") { writer in
                writer.member("iam") { Self.write(caller, to: &$0) }
            }
        }
        writer.member("domainName", request.domainName)
        writer.member("domainPrefix", request.address.id.rawValue)
        writer.member("http") { writer in
            writer.member("method", request.head.method.rawValue)
            writer.member("path", request.address.rawPath)
            writer.member("protocol", request.head.version.description)
            writer.member("sourceIp", request.connection.sourceIP)
            writer.member("userAgent", headers["user-agent"] ?? "")
        }
        writer.member("requestId", request.requestID.rawValue)
        writer.member("routeKey", Self.default)
        writer.member("stage", Self.default)
        writer.member("time", request.time.commonLogText)
        writer.member("timeEpoch", request.time.milliseconds)
    }

    private static func write(_ caller: FunctionURLRequest.Caller, to writer: inout JSONWriter) {
        writer.member("accessKey", caller.accessKey)
        writer.member("accountId", caller.accountID)
        writer.member("callerId", caller.callerID)
        writer.nullMember("cognitoIdentity")
        if let principalOrgID = caller.principalOrgID {
            writer.member("principalOrgId", principalOrgID)
        } else {
            writer.nullMember("principalOrgId")
        }
        writer.member("userArn", caller.userARN)
        writer.member("userId", caller.userID)
    }

    private func writeBody(to writer: inout JSONWriter) {
        guard request.body.readableBytes > 0 else { return writer.member("isBase64Encoded", false) }
        let bytes = request.body.readableBytesView
        // What is declared as text and is none would be damaged, so it goes as bytes.
        if ContentType(headers["content-type"]).isText, let text = String(validating: bytes, as: UTF8.self) {
            writer.member("body", text)
            writer.member("isBase64Encoded", false)
        } else {
            writer.member("body", Blob(Array(bytes)))
            writer.member("isBase64Encoded", true)
        }
    }
}

extension Timestamp {
    /// `12/Mar/2020:19:03:58 +0000`, as the Common Log Format of web servers has it.
    var commonLogText: String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let (year, month, day) = date
        // The time of day in `…T19:03:58.000Z`.
        let time = zuluText.suffix(13).prefix(8)
        return "\(day < 10 ? "0" : "")\(day)/\(months[month - 1])/\(year):\(time) +0000"
    }
}
