import HTTPTypes
import Hummingbird
import HummingbirdCore
import IdentityAPI
import IdentityService
import LambdaAPI
import Logging
import NIOCore
import Telemetry

/// Answers the requests of AWS's Query protocol, which have one path and name their operation in a form: those of IAM and
/// STS.
struct IdentityRoute: Sendable {
    /// A policy may have 6,144 characters, of which each may be escaped; the rest is short.
    private static let bodySizeMax = 256 << 10

    let service: IdentityService
    let logger: Logger

    /// Whether a request is of the Query protocol; a body is not looked at.
    static func takes(_ request: Request) -> Bool {
        guard request.uri.path == "/" else { return false }
        switch request.method {
        case .post: return request.headers[.contentType]?.hasPrefix("application/x-www-form-urlencoded") == true
        case .get: return request.uri.queryParameters["Action"] != nil
        default: return false
        }
    }

    /// Never fails: every error is an answer.
    func respond(
        to request: Request,
        caller: CallerIdentity,
        requestID: LambdaAPI.RequestID
    ) async -> Response {
        let form: String
        if request.method == .get {
            form = request.uri.query ?? ""
        } else {
            do {
                form = String(buffer: try await request.body.collect(upTo: Self.bodySizeMax))
            } catch {
                return response(.badRequest, "", requestID)
            }
        }
        let answer = await service.respond(
            service: Self.service(of: request, form),
            urlEncoded: form,
            caller: caller,
            requestID: requestID
        )
        if let failure = answer.failure {
            logger.error(
                "request failed inside",
                metadata: [LogKey.requestID: "\(requestID)", LogKey.error: "\(failure)"]
            )
        }
        return response(.init(code: answer.status), answer.body, requestID)
    }

    /// The service that the request is signed for, or else the one whose version it names.
    private static func service(of request: Request, _ form: String) -> QueryService {
        let authorization = request.headers[.authorization] ?? ""
        for service in QueryService.allCases where authorization.contains("/\(service.rawValue)/aws4_request") {
            return service
        }
        return form.contains(QueryService.sts.version) ? .sts : .iam
    }

    private func response(
        _ status: HTTPResponse.Status,
        _ body: String,
        _ requestID: LambdaAPI.RequestID
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "text/xml"
        headers[.requestID] = requestID.rawValue
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: body)))
    }
}
