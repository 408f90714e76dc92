package import LambdaAPI

/// Signs requests to AWS's services, and to those that take the same signatures.
package struct SigV4Signer: Sendable {
    private let credentials: Credentials
    private let region: String
    private let service: String

    /// Headers that the way between may change, and so nobody signs.
    private static let unsignedHeaders: Set<String> = [
        "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
        "trailer", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
    ]

    /// A signer for one service in one region.
    package init(credentials: Credentials, region: String, service: String) {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// The headers to add to the request, `Authorization` last.
    ///
    /// The request must have `Host` and none of the headers that this makes.
    package func headers(
        signing request: SigningRequest,
        payload: PayloadHash,
        at moment: Timestamp
    ) -> [(name: String, value: String)] {
        var headers = [(name: "X-Amz-Date", value: moment.signingText)]
        if let token = credentials.sessionToken { headers.append(("X-Amz-Security-Token", token)) }
        if service == "s3" { headers.append(("x-amz-content-sha256", payload.text)) }

        var signed = request
        signed.headers += headers
        let names = signedNames(of: signed)
        let signature = signature(of: signed, names: names, payload: payload, at: moment)
        let authorization =
            "\(SigningKey.algorithm) Credential=\(credentials.accessKeyID)/\(scope(at: moment)), "
            + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(signature)"
        return headers + [("Authorization", authorization)]
    }

    /// The query that makes a link of the request which is good for that many seconds, a week at most.
    ///
    /// The request must have `Host`, and who follows the link must send all the headers that it has. S3 takes
    /// ``PayloadHash/unsigned`` only, the others the hash of the body that will be sent.
    package func presignedQuery(
        of request: SigningRequest,
        payload: PayloadHash,
        expiresSeconds: Int,
        at moment: Timestamp
    ) -> String {
        precondition((1...SigV4Verifier.expirySecondsMax).contains(expiresSeconds), "a link is good for a week at most")
        let names = signedNames(of: request)
        var parameters = [
            ("X-Amz-Algorithm", SigningKey.algorithm),
            ("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope(at: moment))"),
            ("X-Amz-Date", moment.signingText),
            ("X-Amz-Expires", "\(expiresSeconds)"),
            ("X-Amz-SignedHeaders", names.joined(separator: ";")),
        ]
        if let token = credentials.sessionToken { parameters.append(("X-Amz-Security-Token", token)) }

        var signed = request
        let own = request.query.isEmpty ? [] : [request.query]
        let added = parameters.map { "\($0.0)=\(URIEncoding.encode($0.1.utf8))" }
        signed.query = (own + added).joined(separator: "&")
        let signature = signature(of: signed, names: names, payload: payload, at: moment)
        return "\(signed.query)&X-Amz-Signature=\(signature)"
    }

    private func scope(at moment: Timestamp) -> CredentialScope {
        CredentialScope(date: String(moment.signingText.prefix(8)), region: region, service: service)
    }

    private func signedNames(of request: SigningRequest) -> [String] {
        let names = SigningHeader.canonicalNames(request.headers.map(\.name))
        precondition(names.contains("host"), "a request without Host cannot be signed")
        return names.filter { !Self.unsignedHeaders.contains($0) }
    }

    private func signature(
        of request: SigningRequest,
        names: [String],
        payload: PayloadHash,
        at moment: Timestamp
    ) -> String {
        let text = request.canonicalText(signedHeaders: names, payload: payload, service: service)
        return SigningKey(secretAccessKey: credentials.secretAccessKey, scope: scope(at: moment))
            .signature(ofCanonicalRequest: text, at: moment)
    }
}
