import ControlPlane
import Identity
import LambdaAPI
import NIOCore
import NIOHTTP1
import Telemetry

/// Decides who may do what. Where there are no users everything is the account's own, and allowed.
///
/// An object, since what serves invokes holds it and is captured by closures on their way: as a value, it would be copied,
/// with all that it holds, several times in each.
final class AccessControl: Sendable {
    let authenticator: Authenticator
    let policies: ResourcePolicyDirectory
    let locality: Locality
    /// Whether clients speak TLS.
    let isEncrypted: Bool

    init(
        authenticator: Authenticator,
        policies: ResourcePolicyDirectory,
        locality: Locality,
        isEncrypted: Bool
    ) {
        self.authenticator = authenticator
        self.policies = policies
        self.locality = locality
        self.isEncrypted = isEncrypted
    }

    /// Something that a request does.
    struct Demand: Sendable {
        /// Such as `lambda:GetFunction`.
        var action: String
        /// The ARN of what it is done to, or `*`.
        var resource: String
        /// The function, version or alias whose own policy counts, too.
        var function: FunctionReference?
        /// What is known of the request beyond that.
        var context = PolicyContext()
    }

    /// What is known of the connection that a request came on.
    struct Circumstances: Sendable {
        var sourceIP: String? = nil
        var userAgent: String? = nil
    }

    private func context(_ circumstances: Circumstances) -> PolicyContext {
        let now = Timestamp.now()
        var context = PolicyContext([
            "aws:SecureTransport": [isEncrypted ? "true" : "false"],
            "aws:RequestedRegion": [locality.region],
            "aws:CurrentTime": [now.zuluText],
            "aws:EpochTime": [String(now.milliseconds / 1000)],
        ])
        if let sourceIP = circumstances.sourceIP { context["aws:SourceIp"] = [sourceIP] }
        if let userAgent = circumstances.userAgent { context["aws:UserAgent"] = [userAgent] }
        return context
    }

    /// Throws `AccessDeniedException` if the caller may not do one of these.
    func check(
        _ demands: [Demand],
        by caller: Caller,
        _ circumstances: Circumstances
    ) async throws(LambdaError) {
        guard !authenticator.isOpen else { return }
        for demand in demands {
            var policy: PolicyDocument?
            if let function = demand.function {
                policy = try await policies.resolve(function.name).policy(of: function)
            }
            try check(demand, policy, by: caller, circumstances)
        }
    }

    func check(
        _ demand: Demand,
        _ policy: PolicyDocument?,
        by caller: Caller,
        _ circumstances: Circumstances
    ) throws(LambdaError) {
        let request = AuthorizationRequest(
            action: demand.action,
            resource: demand.resource,
            resourceAccountID: locality.accountID,
            principal: caller.principal,
            context: context(circumstances).merging(demand.context)
        )
        let decision = PolicyEvaluation.decide(request, identityPolicies: caller.policies, resourcePolicy: policy)
        if let refusal = decision.refusal(of: request) { throw .accessDenied(refusal) }
    }
}

extension AccessControl {
    /// Somebody who has not signed.
    var anybody: Caller { Caller(principal: .anonymous, policies: [], accessKeyID: nil) }

    /// Who sends a request to a function's URL that must be signed. Where there are no users, any signature will do.
    func authenticate(_ head: HTTPRequestHead, _ body: ByteBuffer) async throws -> (caller: Caller, body: ByteBuffer) {
        guard authenticator.isOpen else {
            let claim = try await authenticator.claim(of: SigningRequest(head))
            return try authenticator.verify(claim, body: body, decodedLength: head.decodedLength)
        }
        let authorization = head.headers.first(name: "Authorization")
        guard authorization != nil || head.uri.contains("X-Amz-Signature=") else {
            throw AuthenticationError.missingToken
        }
        // Whatever key it claims; nobody is asked to believe it.
        let key = authorization?.firstMatch(of: /Credential=([^\/, ]+)/).map { String($0.1) }
        return (Caller(principal: authenticator.account.principal, policies: [], accessKeyID: key), body)
    }
}

// MARK: - Invokes

extension AccessControl {
    /// Lets an invoke in, as far as what is in memory suffices to decide.
    ///
    /// - Returns: The event, without the signatures of its chunks if it had any; nil if ``admit(_:_:to:_:)`` has to be
    ///   asked.
    func admitAtOnce(
        _ head: HTTPRequestHead,
        _ body: ByteBuffer,
        to reference: FunctionReference,
        _ action: String,
        _ circumstances: Circumstances
    ) throws(LambdaError) -> ByteBuffer? {
        let verified: (caller: Caller, body: ByteBuffer)
        let known: FunctionPolicies
        do throws(AuthenticationError) {
            guard let claim = try authenticator.claimAtOnce(of: SigningRequest(head)),
                let policies = policies.cached(reference.name)
            else { return nil }
            known = policies
            verified = try authenticator.verify(claim, body: body, decodedLength: head.decodedLength)
        } catch {
            throw LambdaError(error)
        }
        return try admit(verified.caller, known, verified.body, to: reference, action, circumstances)
    }

    /// The same, from the store if need be.
    func admit(
        _ head: HTTPRequestHead,
        _ body: ByteBuffer,
        to reference: FunctionReference,
        _ action: String,
        _ circumstances: Circumstances
    ) async throws -> ByteBuffer {
        let claim = try await authenticator.claim(of: SigningRequest(head))
        let (caller, body) = try authenticator.verify(claim, body: body, decodedLength: head.decodedLength)
        let policies = try await policies.resolve(reference.name)
        return try admit(caller, policies, body, to: reference, action, circumstances)
    }

    private func admit(
        _ caller: Caller,
        _ policies: FunctionPolicies,
        _ body: ByteBuffer,
        to reference: FunctionReference,
        _ action: String,
        _ circumstances: Circumstances
    ) throws(LambdaError) -> ByteBuffer {
        let demand = Demand(action: action, resource: reference.arn(in: locality))
        try check(demand, policies.policy(of: reference), by: caller, circumstances)
        return body
    }
}

extension SigningRequest {
    /// A request as NIO has it.
    init(_ head: HTTPRequestHead) {
        self.init(
            method: head.method.rawValue,
            target: head.uri,
            headers: head.headers.map { (name: $0.name, value: $0.value) }
        )
    }
}

extension HTTPRequestHead {
    /// How long the body is without the signatures of its chunks, if it says so.
    fileprivate var decodedLength: Int? {
        headers.first(name: "x-amz-decoded-content-length").flatMap { Int($0) }
    }
}
