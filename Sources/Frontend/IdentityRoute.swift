import HTTPTypes
import Hummingbird
import HummingbirdCore
import Identity
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
    let locality: Locality
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
        from client: Client,
        requestID: LambdaAPI.RequestID
    ) async -> Response {
        var form = request.uri.query ?? ""
        let caller: Caller
        do {
            let signed = try await client.authenticated {
                request.method == .get ? ByteBuffer() : try await request.body.collect(upTo: Self.bodySizeMax)
            }
            caller = signed.caller
            if request.method != .get { form = String(buffer: signed.body) }
            let service = Self.service(of: request, form)
            // Everybody may know who they are.
            if service == .iam { try await client.check([demand(form)], by: caller) }
        } catch {
            return refusal(of: error, by: Self.service(of: request, form), requestID)
        }
        let answer = await service.respond(
            service: Self.service(of: request, form),
            urlEncoded: form,
            caller: caller.identity(in: locality),
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

    /// Operations are on what they name. A role that exists is named without its path, which a request does not tell.
    private func demand(_ form: String) -> AccessControl.Demand {
        // A form that cannot be taken apart names nothing, and is refused by the service.
        let pairs = Dictionary((try? QueryForm.pairs(urlEncoded: form)) ?? []) { first, _ in first }
        let account = "arn:aws:iam::\(locality.accountID)"
        let action = pairs["Action"] ?? ""
        // By the operation alone: members that it does not have must not change what it is on.
        let resource: String? =
            switch action {
            case "ListRoles", "ListPolicies": nil
            case "CreatePolicy": pairs["PolicyName"].map { "\(account):policy\(pairs["Path"] ?? "/")\($0)" }
            case _ where action.contains("Role"):
                pairs["RoleName"].map { "\(account):role\(pairs["Path"] ?? "/")\($0)" }
            default: pairs["PolicyArn"]
            }
        return AccessControl.Demand(action: "iam:\(action)", resource: resource ?? "*")
    }

    private func refusal(
        of error: any Error,
        by service: QueryService,
        _ requestID: LambdaAPI.RequestID
    ) -> Response {
        let refusal: IdentityError =
            switch error {
            case let error as AuthenticationError: .unauthenticated(error.code.name, error.message)
            case let error as LambdaError: IdentityError(.accessDenied, error.message ?? "")
            default: IdentityError(.malformedQueryString, "The request's body is malformed or too long.")
            }
        let body = service.body(of: refusal, requestID: requestID.rawValue)
        return response(.init(code: refusal.code.httpStatus), body, requestID)
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
