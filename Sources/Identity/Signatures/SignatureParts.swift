import Crypto
import FoundationEssentials
import LambdaAPI

/// What a request says about its own signature, in the `Authorization` header or in the query, read but not believed.
struct SignatureParts {
    var algorithm: String
    var credential: String
    var signedHeaders: [String]
    var signature: String
    /// The time of signing as it is written.
    var moment: Timestamp
    var sessionToken: String?
    /// How long a link is good for; nil for a header.
    var expiresSeconds: Int?

    /// Reads the one form of the two that the request has.
    init(of request: SigningRequest) throws(AuthenticationError) {
        let authorizations = request.values(of: "authorization")
        let isLink = ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"]
            .contains { !request.parameters($0).isEmpty }
        switch (authorizations.isEmpty, isLink) {
        case (true, false): throw .missingToken
        case (true, true): try self.init(query: request)
        case (false, false):
            guard authorizations.count == 1 else { throw .incomplete("Authorization header must be given once.") }
            try self.init(header: authorizations[0], of: request)
        case (false, true):
            throw .invalid(
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
            )
        }
    }

    private static func names(_ text: some StringProtocol) -> [String] {
        SigningHeader.canonicalNames(text.split(separator: ";").map { String($0) })
    }

    private static func moment(_ text: String, _ read: (String) -> Timestamp?) throws(AuthenticationError) -> Timestamp
    {
        guard let moment = read(text) else {
            throw .incomplete(
                "Date must be in ISO-8601 'basic format'. Got '\(text)'. See http://en.wikipedia.org/wiki/ISO_8601"
            )
        }
        return moment
    }
}

// MARK: - The header

extension SignatureParts {
    private init(header: String, of request: SigningRequest) throws(AuthenticationError) {
        let text = SigningHeader.collapsed(header)
        let parts = text.split(separator: " ", maxSplits: 1)
        let pairs = try Self.pairs(parts.count > 1 ? parts[1] : "", of: header)
        let dates = request.values(of: "x-amz-date")
        let plainDates = request.values(of: "date")

        var complaints = ["Credential", "Signature", "SignedHeaders"].filter { pairs[$0] == nil }
            .map { "Authorization header requires '\($0)' parameter. " }
        if dates.isEmpty && plainDates.isEmpty {
            complaints.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
        }
        guard complaints.isEmpty, let credential = pairs["Credential"], let signature = pairs["Signature"],
            let signedHeaders = pairs["SignedHeaders"]
        else {
            throw .incomplete(
                complaints.joined()
                    + "(Hashed with SHA-256 and encoded with Base64) Authorization=\(Self.fingerprint(header))"
            )
        }
        algorithm = String(parts[0])
        self.credential = String(credential)
        self.signature = String(signature)
        self.signedHeaders = Self.names(signedHeaders)
        if dates.isEmpty {
            moment = try Self.moment(plainDates.joined(separator: ",")) { Timestamp(dateHeader: $0) }
        } else {
            moment = try Self.moment(dates.joined(separator: ",")) { Timestamp(signing: $0) }
        }
        let tokens = request.values(of: "x-amz-security-token")
        sessionToken = tokens.isEmpty ? nil : tokens.joined(separator: ",")
    }

    private static func pairs(
        _ text: Substring,
        of header: String
    ) throws(AuthenticationError) -> [Substring: Substring] {
        var pairs: [Substring: Substring] = [:]
        for part in text.split(separator: ",") {
            let pair = part.drop { $0 == " " }
            guard let equals = pair.firstIndex(of: "=") else {
                throw .incomplete(
                    "Invalid key=value pair (missing equal-sign) in Authorization header "
                        + "(hashed with SHA-256 and encoded with Base64): '\(fingerprint(header))'."
                )
            }
            let name = pair[..<equals]
            guard pairs[name] == nil else { throw .incomplete("Authorization header must have '\(name)' once.") }
            let value = pair[pair.index(after: equals)...]
            pairs[name] = value.hasSuffix(" ") ? value.dropLast() : value
        }
        return pairs
    }

    /// What AWS shows of a header that it could not read, for the header may be somebody's password.
    private static func fingerprint(_ header: String) -> String {
        Data(SHA256.hash(data: Array(header.utf8))).base64EncodedString()
    }
}

// MARK: - The query

extension SignatureParts {
    private init(query request: SigningRequest) throws(AuthenticationError) {
        let names = [
            "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date",
            "X-Amz-Expires", "X-Amz-Security-Token",
        ]
        var values: [String: String] = [:]
        for name in names {
            let given = request.parameters(name)
            // Of two values one would be checked here and the other might be believed elsewhere.
            guard given.count < 2 else { throw .incomplete("\(name) must be given once in the query string.") }
            if let value = given.first, !value.isEmpty { values[name] = value }
        }
        guard let algorithm = values["X-Amz-Algorithm"], let credential = values["X-Amz-Credential"],
            let signature = values["X-Amz-Signature"], let signedHeaders = values["X-Amz-SignedHeaders"],
            let date = values["X-Amz-Date"]
        else {
            let complaints = names.prefix(5).filter { values[$0] == nil }
                .map { "AWS query-string parameters must include '\($0)'. " }
            throw .incomplete(complaints.joined() + "Re-examine the query-string parameters.")
        }
        self.algorithm = algorithm
        self.credential = credential
        self.signature = signature
        self.signedHeaders = Self.names(signedHeaders)
        moment = try Self.moment(date) { Timestamp(signing: $0) }
        sessionToken = values["X-Amz-Security-Token"]
        expiresSeconds = try Self.expiry(values["X-Amz-Expires"])
    }

    private static func expiry(_ text: String?) throws(AuthenticationError) -> Int {
        guard let text else { return SigV4Verifier.skewSecondsMax }
        guard let seconds = Int(text) else { throw .incomplete("X-Amz-Expires should be a number") }
        guard seconds >= 0 else { throw .incomplete("X-Amz-Expires must be non-negative") }
        guard seconds <= SigV4Verifier.expirySecondsMax else {
            throw .incomplete(
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less "
                    + "than \(SigV4Verifier.expirySecondsMax) seconds"
            )
        }
        return seconds
    }
}
