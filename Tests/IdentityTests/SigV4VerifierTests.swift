import Identity
import LambdaAPI
import Testing

@Suite struct SigV4VerifierTests {
    static let verifier = SigV4Verifier(region: "us-east-1", services: ["lambda", "logs"])
    static let signer = SigV4Signer(credentials: suiteCredentials, region: "us-east-1", service: "lambda")

    /// A request that is signed well, with what is asked of it changed afterwards.
    static func signed(
        by signer: SigV4Signer = signer,
        headers: [(name: String, value: String)] = [],
        _ change: (inout SigningRequest) -> Void = { _ in }
    ) -> SigningRequest {
        var request = SigningRequest(
            method: "POST",
            target: "/2015-03-31/functions/f/invocations?Qualifier=1",
            headers: [("Host", "localhost:9001")] + headers
        )
        request.headers += signer.headers(signing: request, payload: .empty, at: suiteMoment)
        change(&request)
        return request
    }

    static func link(_ change: (String) -> String = { $0 }) -> SigningRequest {
        var request = SigningRequest(method: "GET", path: "/x", headers: [("Host", "localhost")])
        request.query = change(
            signer.presignedQuery(of: request, payload: .empty, expiresSeconds: 60, at: suiteMoment)
        )
        return request
    }

    /// The error that the two steps together give; nil when the request is good.
    static func refusal(
        of request: SigningRequest,
        seconds: Int = 0,
        secret: String = suiteCredentials.secretAccessKey,
        bodyHash: PayloadHash = .empty
    ) -> AuthenticationError? {
        do throws(AuthenticationError) {
            try verifier.claim(of: request, at: suiteMoment.adding(seconds: seconds))
                .verify(secretAccessKey: secret, bodyHash: bodyHash)
            return nil
        } catch {
            return error
        }
    }

    static func authorization(_ value: String) -> SigningRequest {
        signed { request in
            request.headers.removeAll { $0.name == "Authorization" }
            request.headers.append(("Authorization", value))
        }
    }

    // MARK: - Form

    @Test func missesAnySignature() {
        let refusal = Self.refusal(of: SigningRequest(method: "GET", target: "/?a=b", headers: [("Host", "h")]))
        #expect(refusal == .missingToken)
        #expect(refusal?.code.name == "MissingAuthenticationTokenException")
        #expect(refusal?.message == "Missing Authentication Token")
        #expect(refusal?.httpStatus == 403)
    }

    /// The base64 is what `printf 'Basic dTpw=' | openssl dgst -sha256 -binary | base64` prints, and so on.
    @Test(arguments: [
        (
            "Basic dTpw=",
            "Authorization header requires 'Credential' parameter. "
                + "Authorization header requires 'Signature' parameter. "
                + "Authorization header requires 'SignedHeaders' parameter. "
                + "(Hashed with SHA-256 and encoded with Base64) "
                + "Authorization=M4vBn5nvXktdWvFiMC1nPD++5/uVhzetfRFFBzaNQyc="
        ),
        (
            "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/lambda/aws4_request, SignedHeaders=host",
            "Authorization header requires 'Signature' parameter. "
                + "(Hashed with SHA-256 and encoded with Base64) "
                + "Authorization=OVKLGNZis11Dlvsx28ZySpWTcKxP7AC1KvkImbTVxpo="
        ),
        (
            "Bearer token",
            "Invalid key=value pair (missing equal-sign) in Authorization header "
                + "(hashed with SHA-256 and encoded with Base64): 'sirDDmH2JNXZ7PrsYu3JMpduFdLxWZgJKX9UIu07OWs='."
        ),
        (
            "AWS4-HMAC-SHA256 Credential=A/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
                + "got 'A/us-east-1/lambda/aws4_request'"
        ),
        (
            "AWS4-HMAC-SHA1 Credential=A/20150830/us-east-1/lambda/aws4_request, "
                + "SignedHeaders=host;x-amz-date, Signature=0",
            "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). "
        ),
    ])
    func refusesAnIncompleteHeader(_ value: String, _ message: String) {
        let refusal = Self.refusal(of: Self.authorization(value))
        #expect(refusal?.code == .incompleteSignature)
        #expect(refusal?.message == message)
    }

    @Test func refusesAHeaderWithoutDate() {
        let request = Self.signed { $0.headers.removeAll { $0.name == "X-Amz-Date" } }
        let refusal = Self.refusal(of: request)
        #expect(refusal?.code == .incompleteSignature)
        #expect(
            refusal?.message.hasPrefix(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with"
            ) == true
        )
    }

    @Test(arguments: ["yesterday", "20150231T000000Z", "20150830T123600", "2015-08-30T12:36:00Z"])
    func refusesADateThatIsNone(_ date: String) {
        let request = Self.signed { request in
            request.headers = request.headers.map { $0.name == "X-Amz-Date" ? ("X-Amz-Date", date) : $0 }
        }
        #expect(
            Self.refusal(of: request)?.message
                == "Date must be in ISO-8601 'basic format'. Got '\(date)'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    }

    @Test(arguments: [
        (
            "X-Amz-Expires=60", "X-Amz-Expires=604801",
            "X-Amz-Expires must be less than a week (in seconds); "
                + "that is, the given X-Amz-Expires must be less than 604800 seconds"
        ),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1", "X-Amz-Expires must be non-negative"),
        ("X-Amz-Expires=60", "X-Amz-Expires=soon", "X-Amz-Expires should be a number"),
        (
            "X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=60",
            "X-Amz-Expires must be given once in the query string."
        ),
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA1",
            "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). "
        ),
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&", "",
            "AWS query-string parameters must include 'X-Amz-Algorithm'. "
                + "Re-examine the query-string parameters."
        ),
        (
            "X-Amz-Date=20150830T123600Z&", "",
            "AWS query-string parameters must include 'X-Amz-Date'. "
                + "Re-examine the query-string parameters."
        ),
    ])
    func refusesAnIncompleteLink(_ part: String, _ replacement: String, _ message: String) {
        #expect(Self.refusal(of: Self.link()) == nil)
        let request = Self.link { $0.replacing(part, with: replacement) }
        let refusal = Self.refusal(of: request)
        #expect(refusal?.code == .incompleteSignature)
        #expect(refusal?.message == message)
    }

    @Test func refusesTwoSignatures() {
        var request = Self.link()
        request.headers += Self.signed().headers.filter { $0.name != "Host" }
        let refusal = Self.refusal(of: request)
        #expect(refusal?.code == .invalidSignature)
        #expect(
            refusal?.message
                == "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        )
        let twice = Self.signed { $0.headers += $0.headers.filter { $0.name == "Authorization" } }
        #expect(Self.refusal(of: twice)?.code == .incompleteSignature)
        let value = Self.signed().headers.last?.value ?? ""
        #expect(Self.refusal(of: Self.authorization(value + ", Signature=0"))?.code == .incompleteSignature)
    }

    // MARK: - Scope and time

    @Test(arguments: [
        ("eu-west-1", "lambda", "Credential should be scoped to a valid region. "),
        ("us-east-1", "s3", "Credential should be scoped to correct service: 'lambda'. "),
        (
            "eu-west-1", "s3",
            "Credential should be scoped to a valid region. "
                + "Credential should be scoped to correct service: 'lambda'. "
        ),
    ])
    func refusesAnotherScope(_ region: String, _ service: String, _ message: String) {
        let signer = SigV4Signer(credentials: suiteCredentials, region: region, service: service)
        let refusal = Self.refusal(of: Self.signed(by: signer))
        #expect(refusal?.code == .invalidSignature)
        #expect(refusal?.message == message)
    }

    @Test func refusesAnotherDayOrEnd() {
        let value =
            "AWS4-HMAC-SHA256 Credential=A/20150829/us-east-1/lambda/aws5_request,"
            + "SignedHeaders=host;x-amz-date,Signature=0"
        #expect(
            Self.refusal(of: Self.authorization(value))?.message
                == "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "
                + "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                + "'20150829' != '20150830', from '20150830T123600Z'."
        )
    }

    @Test func takesEveryServiceOfItsOwn() {
        let signer = SigV4Signer(credentials: suiteCredentials, region: "us-east-1", service: "logs")
        #expect(Self.refusal(of: Self.signed(by: signer)) == nil)
    }

    @Test func refusesTimesThatAreFarOff() {
        #expect(Self.refusal(of: Self.signed(), seconds: 300) == nil)
        #expect(Self.refusal(of: Self.signed(), seconds: -300) == nil)
        #expect(
            Self.refusal(of: Self.signed(), seconds: 600)?.message
                == "Signature expired: 20150830T123600Z is now earlier than 20150830T124100Z "
                + "(20150830T124600Z - 5 min.)"
        )
        #expect(
            Self.refusal(of: Self.signed(), seconds: -600)?.message
                == "Signature not yet current: 20150830T123600Z is still later than 20150830T123100Z "
                + "(20150830T122600Z + 5 min.)"
        )
        #expect(
            Self.refusal(of: Self.link(), seconds: 120)?.message
                == "Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z "
                + "(20150830T123800Z - 1 min.)"
        )
    }

    // MARK: - Signature

    @Test func refusesAnotherSecretOrBody() {
        #expect(Self.refusal(of: Self.signed(), secret: "another") == .signatureMismatch)
        #expect(Self.refusal(of: Self.signed(), bodyHash: PayloadHash(of: [1])) == .signatureMismatch)
        #expect(AuthenticationError.signatureMismatch.code.name == "InvalidSignatureException")
        #expect(AuthenticationError.unrecognizedClient.code.name == "UnrecognizedClientException")
    }

    @Test func wantsHostAndAWSsHeadersSigned() {
        let hostless =
            "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/lambda/aws4_request,SignedHeaders=x-amz-date,Signature=0"
        #expect(
            Self.refusal(of: Self.authorization(hostless))?.message
                == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
        let added = Self.signed { $0.headers.append(("X-Amz-Invocation-Type", "Event")) }
        #expect(
            Self.refusal(of: added)?.message
                == "'x-amz-invocation-type' must be a 'SignedHeader' in the AWS Authorization."
        )
    }

    @Test func letsProxiesAddHeaders() {
        #expect(Self.refusal(of: Self.signed { $0.headers.append(("X-Forwarded-For", "1.2.3.4")) }) == nil)
        #expect(Self.refusal(of: Self.signed { $0.headers.append(("X-Amzn-Trace-Id", "Root=1")) }) == nil)
    }

    @Test func comparesTheBodyWithTheHashInTheHeader() {
        let hash = PayloadHash.empty.text
        let request = Self.signed(headers: [("x-amz-content-sha256", hash)])
        #expect(Self.refusal(of: request) == nil)
        #expect(Self.refusal(of: request, bodyHash: PayloadHash(of: [1])) == .signatureMismatch)
        let streaming = Self.signed(headers: [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")])
        #expect(Self.refusal(of: streaming)?.code == .invalidSignature)
    }

    @Test func takesABodyThatIsNotSigned() throws {
        var request = SigningRequest(method: "POST", target: "/x", headers: [("Host", "h")])
        request.headers.append(("X-Amz-Content-Sha256", PayloadHash.unsigned.text))
        request.headers += Self.signer.headers(signing: request, payload: .unsigned, at: suiteMoment)
        #expect(Self.refusal(of: request, bodyHash: PayloadHash(of: [1])) == nil)
        #expect(try Self.verifier.claim(of: request, at: suiteMoment).payload == .unsigned)
    }

    @Test(arguments: ["Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z", "2015-08-30T12:36:00Z"])
    func takesTheDateOfTheDateHeader(_ date: String) throws {
        let request = Self.authorization(
            "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/lambda/aws4_request,SignedHeaders=host;date,Signature=0"
        )
        var dated = request
        dated.headers.removeAll { $0.name == "X-Amz-Date" }
        dated.headers.append(("Date", date))
        #expect(try Self.verifier.claim(of: dated, at: suiteMoment).moment == suiteMoment)
    }
}
