import Crypto
import Identity
import IdentityAPI
import IdentityService
import LambdaAPI
import NIOCore
import Telemetry

/// Who sends a request.
struct Caller: Sendable {
    let principal: PolicyPrincipal
    /// The policies that say what the caller may do; the account itself needs none.
    let policies: [PolicyDocument]
    /// What the request is signed with, if signatures are looked at.
    let accessKeyID: String?

    /// The caller as STS tells it.
    func identity(in locality: Locality) -> CallerIdentity {
        var userID = locality.accountID
        if case .user(_, _, _, let id) = principal { userID = id }
        return CallerIdentity(accountID: locality.accountID, arn: principal.arn, userID: userID)
    }
}

/// Tells who sends a request: by its signature where there are users, and where there are none, the account itself.
struct Authenticator: Sendable {
    /// A request's claim, with the holder of the access key that it names.
    struct Claim: Sendable {
        fileprivate let signature: SignatureClaim
        fileprivate let holder: AccessKeyHolder
    }

    private static let services = ["lambda", "logs", "iam", "sts"]

    private let users: UserDirectory?
    private let verifier: SigV4Verifier
    /// Who sends every request where there are no users.
    let account: Caller

    /// - Parameter users: Who may sign; nil if signatures are not looked at.
    init(users: UserDirectory?, locality: Locality) {
        self.users = users
        verifier = SigV4Verifier(region: locality.region, services: Self.services)
        account = Caller(principal: .root(accountID: locality.accountID), policies: [], accessKeyID: nil)
    }

    /// Whether every request is the account's own.
    var isOpen: Bool { users == nil }

    /// Checks all of a signature that needs neither secret nor body, and finds the holder of its key.
    ///
    /// - Returns: Nil if the holder is not in memory; then ``claim(of:)`` has to be asked.
    func claimAtOnce(of request: SigningRequest) throws(AuthenticationError) -> Claim? {
        let signature = try verifier.claim(of: request, at: .now())
        return try users?.cached(signature.accessKeyID).map { holder throws(AuthenticationError) in
            try Self.claim(signature, holder)
        }
    }

    /// The same, from the store if need be.
    func claim(of request: SigningRequest) async throws -> Claim {
        let signature = try verifier.claim(of: request, at: .now())
        guard let holder = try await users?.resolve(signature.accessKeyID) else {
            throw AuthenticationError.unrecognizedClient
        }
        return try Self.claim(signature, holder)
    }

    private static func claim(
        _ signature: SignatureClaim,
        _ holder: AccessKeyHolder
    ) throws(AuthenticationError) -> Claim {
        // No key here is temporary, so none has a token.
        guard signature.sessionToken == nil else { throw .unrecognizedClient }
        return Claim(signature: signature, holder: holder)
    }

    /// Checks the signature of a whole request.
    ///
    /// - Parameter decodedLength: What the header `x-amz-decoded-content-length` says.
    /// - Returns: The caller, and the body without the signatures of its chunks if it had any.
    func verify(
        _ claim: Claim,
        body: ByteBuffer,
        decodedLength: Int?
    ) throws(AuthenticationError) -> (caller: Caller, body: ByteBuffer) {
        let isWhole = if case .whole = claim.signature.payload { true } else { false }
        let verified = try claim.signature.verify(
            secretAccessKey: claim.holder.secretAccessKey,
            bodyHash: isWhole ? Self.hash(of: body) : .empty
        )
        let caller = Caller(
            principal: claim.holder.principal,
            policies: claim.holder.policies,
            accessKeyID: claim.signature.accessKeyID
        )
        guard claim.signature.payload == .signedChunks else { return (caller, body) }
        var decoder = SignedChunkDecoder(after: verified, decodedLength: decodedLength)
        let decoded = try decoder.append(body.readableBytesView)
        try decoder.finish()
        return (caller, ByteBuffer(bytes: decoded))
    }

    private static func hash(of body: ByteBuffer) -> PayloadHash {
        PayloadHash(digest: body.withUnsafeReadableBytes { SHA256.hash(data: $0) })
    }
}

extension LambdaError {
    /// A signature that is missing or wrong, as the API tells it.
    init(_ error: AuthenticationError) {
        self.init(.authentication(error.code.name), error.message)
    }
}
