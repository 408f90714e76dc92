package import LambdaAPI

/// Tells whether an incoming request is signed, by whom it claims to be, and then whether it is.
///
/// Between the two steps the caller looks up the secret of the access key that the request claims:
/// ``claim(of:at:)``, then ``SignatureClaim/verify(secretAccessKey:bodyHash:)``. The first needs no body, so that a
/// request that cannot be good is refused before its body is read.
package struct SigV4Verifier: Sendable {
    /// How far a client's clock may be off.
    static let skewSecondsMax = 300
    /// How long a link may be good for: a week.
    static let expirySecondsMax = 604_800

    private let region: String
    private let services: [String]

    /// A verifier for a region, and for services of which there must be one; refusals name the first.
    package init(region: String, services: [String]) {
        precondition(!services.isEmpty, "a verifier serves one service at least")
        self.region = region
        self.services = services
    }

    /// Reads and checks all about the signature that needs no secret, in AWS's order.
    package func claim(of request: SigningRequest, at now: Timestamp) throws(AuthenticationError) -> SignatureClaim {
        let parts = try SignatureParts(of: request)
        try checkTime(parts, now: now)
        try checkSignedHeaders(parts.signedHeaders, of: request)
        guard parts.algorithm == SigningKey.algorithm else {
            throw .incomplete(
                "Unsupported AWS 'algorithm': '\(parts.algorithm)' (only \(SigningKey.algorithm) for now). "
            )
        }
        let (accessKeyID, scope) = try scope(parts)
        return SignatureClaim(
            accessKeyID: accessKeyID,
            scope: scope,
            moment: parts.moment,
            sessionToken: parts.sessionToken,
            isLink: parts.expiresSeconds != nil,
            payload: try payload(of: request, scope: scope, isLink: parts.expiresSeconds != nil),
            request: request,
            signedHeaders: parts.signedHeaders,
            signature: parts.signature
        )
    }

    private func scope(_ parts: SignatureParts) throws(AuthenticationError) -> (String, CredentialScope) {
        let elements = parts.credential.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard elements.count == 5 else {
            throw .incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
                    + "got '\(parts.credential)'"
            )
        }
        var complaints = ""
        if elements[2] != region {
            complaints += "Credential should be scoped to a valid region. "
        }
        if !services.contains(elements[3]) {
            complaints += "Credential should be scoped to correct service: '\(services[0])'. "
        }
        if elements[4] != CredentialScope.terminator {
            complaints +=
                "Credential should be scoped with a valid terminator: '\(CredentialScope.terminator)', "
                + "not '\(elements[4])'. "
        }
        let date = parts.moment.signingText.prefix(8)
        if elements[1] != date {
            complaints +=
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                + "'\(elements[1])' != '\(date)', from '\(parts.moment.signingText)'."
        }
        guard complaints.isEmpty else { throw .invalid(complaints) }
        return (elements[0], CredentialScope(date: elements[1], region: elements[2], service: elements[3]))
    }

    /// A header that AWS gives a meaning must be signed, or anybody on the way could add one.
    private func checkSignedHeaders(_ signed: [String], of request: SigningRequest) throws(AuthenticationError) {
        guard signed.contains("host") else {
            throw .invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        }
        let present = SigningHeader.canonicalNames(request.headers.map(\.name))
        for name in present where name.hasPrefix("x-amz-") && !signed.contains(name) {
            throw .invalid("'\(name)' must be a 'SignedHeader' in the AWS Authorization.")
        }
    }

    private func checkTime(_ parts: SignatureParts, now: Timestamp) throws(AuthenticationError) {
        let skew = Self.skewSecondsMax
        let lifetime = parts.expiresSeconds ?? skew
        let earliest = Timestamp(milliseconds: now.milliseconds - lifetime * 1000)
        let latest = Timestamp(milliseconds: now.milliseconds + skew * 1000)
        func text(_ seconds: Int) -> String { seconds % 60 == 0 ? "\(seconds / 60) min." : "\(seconds) s." }
        if parts.moment < earliest {
            throw .invalid(
                "Signature expired: \(parts.moment.signingText) is now earlier than \(earliest.signingText) "
                    + "(\(now.signingText) - \(text(lifetime)))"
            )
        }
        if parts.moment > latest {
            throw .invalid(
                "Signature not yet current: \(parts.moment.signingText) is still later than \(latest.signingText) "
                    + "(\(now.signingText) + \(text(skew)))"
            )
        }
    }

    private func payload(
        of request: SigningRequest,
        scope: CredentialScope,
        isLink: Bool
    ) throws(AuthenticationError) -> SignatureClaim.Payload {
        guard let declared = request.values(of: "x-amz-content-sha256").first else {
            // S3 knows no body when it makes a link for an upload.
            return isLink && scope.service == "s3" ? .unsigned : .whole(declared: nil)
        }
        switch declared {
        case PayloadHash.unsigned.text: return .unsigned
        case PayloadHash.signedChunks.text: return .signedChunks
        default:
            // A body with trailers would have to be taken apart by rules that nobody here knows.
            guard !declared.hasPrefix("STREAMING-") else {
                throw .invalid("The value of x-amz-content-sha256 is not supported: '\(declared)'.")
            }
            return .whole(declared: declared)
        }
    }
}
