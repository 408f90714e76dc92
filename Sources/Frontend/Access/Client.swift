import Hummingbird
import HummingbirdCore
import Identity
import LambdaAPI
import NIOCore

/// Whoever sends one request to the router: not believed before its signature is checked.
struct Client: Sendable {
    private let request: SigningRequest
    private let decodedLength: Int?
    private let access: AccessControl
    private let circumstances: AccessControl.Circumstances

    init(_ request: Request, _ context: APIRequestContext, _ access: AccessControl) {
        self.request = SigningRequest(request)
        decodedLength = request.headers[.decodedContentLength].flatMap { Int($0) }
        self.access = access
        circumstances = AccessControl.Circumstances(
            sourceIP: context.sourceIP,
            userAgent: request.headers[.userAgent]
        )
    }

    /// Who sends the request, and its body.
    ///
    /// - Parameter body: Reads the body; only called for a request that may be good.
    /// - Throws: `AuthenticationError` if the signature is missing or wrong, and whatever `body` throws.
    func authenticated(
        _ body: () async throws -> ByteBuffer
    ) async throws -> (caller: Caller, body: ByteBuffer) {
        guard !access.authenticator.isOpen else { return (access.authenticator.account, try await body()) }
        let claim = try await access.authenticator.claim(of: request)
        return try access.authenticator.verify(claim, body: try await body(), decodedLength: decodedLength)
    }

    /// Throws `AccessDeniedException` if the caller may not do one of these.
    func check(_ demands: [AccessControl.Demand], by caller: Caller) async throws(LambdaError) {
        try await access.check(demands, by: caller, circumstances)
    }
}
