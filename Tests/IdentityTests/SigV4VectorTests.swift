import Identity
import LambdaAPI
import Testing

/// The credentials and the moment of AWS's published test suite.
let suiteCredentials = Credentials(
    accessKeyID: "AKIDEXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)
/// 2015-08-30 12:36:00 UTC.
let suiteMoment = Timestamp(milliseconds: 1_440_938_160_000)

extension Timestamp {
    func adding(seconds: Int) -> Timestamp { Timestamp(milliseconds: milliseconds + seconds * 1000) }
}

@Suite struct SigV4VectorTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let service: String
        let request: SigningRequest
        let body: String
        let token: String?
        let signature: String

        init(
            _ service: String,
            _ method: String,
            _ target: String,
            host: String = "lambda.us-east-1.amazonaws.com",
            headers: [(String, String)] = [],
            body: String = "",
            token: String? = nil,
            signature: String
        ) {
            self.service = service
            request = SigningRequest(
                method: method,
                target: target,
                headers: [("Host", host)] + headers.map { (name: $0.0, value: $0.1) }
            )
            self.body = body
            self.token = token
            self.signature = signature
        }

        /// A case of AWS's test suite.
        static func suite(
            _ method: String,
            _ target: String,
            headers: [(String, String)] = [],
            body: String = "",
            signature: String
        ) -> Vector {
            Vector(
                "service",
                method,
                target,
                host: "example.amazonaws.com",
                headers: headers,
                body: body,
                signature: signature
            )
        }

        var testDescription: String { "\(service) \(request.method) \(request.path)?\(request.query)" }
    }

    /// From aws-sig-v4-test-suite; each line names its case.
    static let published = [
        // get-vanilla, get-relative, get-slashes
        Vector.suite("GET", "/", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        .suite(
            "GET",
            "/example/..",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ),
        .suite("GET", "//", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        // get-space, get-utf8, get-unreserved
        .suite(
            "GET",
            "/example space/",
            signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"
        ),
        .suite("GET", "/ሴ", signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        .suite(
            "GET",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"
        ),
        // get-vanilla-query-order-key-case, get-vanilla-utf8-query, post-vanilla-query
        .suite(
            "GET",
            "/?Param2=value2&Param1=value1",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        ),
        .suite("GET", "/?ሴ=bar", signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        .suite(
            "POST",
            "/?Param1=value1",
            signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"
        ),
        // get-header-key-duplicate, get-header-value-order, get-header-value-trim
        .suite(
            "GET",
            "/",
            headers: [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
            signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"
        ),
        .suite(
            "GET",
            "/",
            headers: [
                ("My-Header1", "value4"), ("My-Header1", "value1"), ("My-Header1", "value3"), ("My-Header1", "value2"),
            ],
            signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"
        ),
        .suite(
            "GET",
            "/",
            headers: [("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"
        ),
        // post-vanilla, post-header-key-sort, post-header-value-case, post-x-www-form-urlencoded
        .suite("POST", "/", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        .suite(
            "POST",
            "/",
            headers: [("My-Header1", "value1")],
            signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"
        ),
        .suite(
            "POST",
            "/",
            headers: [("My-Header1", "VALUE1")],
            signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"
        ),
        .suite(
            "POST",
            "/",
            headers: [("Content-Type", "application/x-www-form-urlencoded")],
            body: "Param1=value1",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        ),
    ]

    /// Made with botocore 1.44.8: an `AWSRequest` of the method, `http://` host and target, with `Host` and the headers
    /// added, goes through `SigV4Auth(credentials, service, "us-east-1").add_auth`, or `S3SigV4Auth` for s3, while
    /// `botocore.auth.get_current_datetime` is replaced by one that returns the suite's moment.
    static let botocore = [
        Vector(
            "lambda",
            "GET",
            "/2015-03-31/functions/",
            signature: "27eef68a018b5f838f4c0438a6ae06432f2918285a70a7a98d36192b40d1e90d"
        ),
        Vector(
            "lambda",
            "POST",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations"
                + "?Qualifier=%24LATEST",
            headers: [("X-Amz-Invocation-Type", "Event")],
            body: #"{"a":1}"#,
            signature: "ce8eb90afe6be268f3f580f7b7a27da0164143a4a56d33dd3c2d5ac027928d1e"
        ),
        Vector(
            "lambda",
            "GET",
            "/a:b/c",
            signature: "d4e731597176fc5f0d4186531059bba86d05f80daf8e4cf0b57c99d5ba5b7db4"
        ),
        Vector(
            "lambda",
            "GET",
            "/a//b/./c/../d/",
            signature: "b27aa399e07db735eaf980bb7778f920fc04d99ad14c7ef6b57d02181b353abd"
        ),
        Vector(
            "lambda",
            "GET",
            "/..",
            signature: "0b294dbd34b38b7a0193bcf795a99914a9c05b5d467eac86b0136073fb1fae5c"
        ),
        Vector(
            "lambda",
            "GET",
            "/with%20space/%C3%A9",
            signature: "119132b70713655246a5b5e50e343815a613652f8211da930c1ab009b29a7d04"
        ),
        Vector(
            "lambda",
            "DELETE",
            "/2017-03-31/tags/x?tagKeys=b&tagKeys=a&tagKeys=a%20b&tag=",
            signature: "0f53e2cf13dd59a7a16305f8563cff894533cdf98197c9bba897ecb0b5070032"
        ),
        Vector(
            "lambda",
            "GET",
            "/x?b=2&a=1&a-b=3&A=4&%C3%A9=5&a=0&a%3D=6&flag",
            signature: "4fc5f2f5cf617ab63438d5ce575960298783fcdd84d338a5d372c41246edd61b"
        ),
        Vector(
            "lambda",
            "PUT",
            "/x",
            headers: [
                ("Content-Type", "application/json"), ("X-Wide", "  a   b\t c  "), ("x-twice", "one"),
                ("X-Twice", "two"), ("X-Quoted", "\"a   b\""),
            ],
            body: "{}",
            signature: "9227af9fd7bed4cb59cde6cd1aa72c844bee35bd34396d3706712aad42e21072"
        ),
        Vector(
            "lambda",
            "GET",
            "/x",
            headers: [("User-Agent", "u"), ("X-Amzn-Trace-Id", "t")],
            token: "SESSION/token+==",
            signature: "ef9caf4149e62a7e11e0efdb8cdfc698452d1b1fadd468a6dd7e0af08cbc005c"
        ),
        Vector(
            "s3",
            "GET",
            "/bucket/a//b/./c/../d",
            signature: "b5afda0429e3b3ad7ccaae1c483ebff686b38f32738de11d207080cccea20d18"
        ),
        Vector(
            "s3",
            "PUT",
            "/bucket/with%20space/%C3%A9:x",
            headers: [("Content-Type", "text/plain")],
            body: "data",
            signature: "42b60c7487eca34ba076d284d7829650735e3ab761a9becf28bd29383e9a1096"
        ),
        Vector(
            "s3",
            "GET",
            "/bucket/?list-type=2&prefix=a%2Fb&delimiter=%2F",
            token: "TOKEN",
            signature: "045f6ddd99799e4389a96af00ab3ed122acc5d2d08f0069ca76d48f0bd49c9b6"
        ),
    ]

    @Test(arguments: published + botocore)
    func signsAndVerifiesAsAWSDoes(_ vector: Vector) throws {
        let credentials = Credentials(
            accessKeyID: suiteCredentials.accessKeyID,
            secretAccessKey: suiteCredentials.secretAccessKey,
            sessionToken: vector.token
        )
        let payload = PayloadHash(of: Array(vector.body.utf8))
        let added = SigV4Signer(credentials: credentials, region: "us-east-1", service: vector.service)
            .headers(signing: vector.request, payload: payload, at: suiteMoment)
        #expect(added.last?.value.hasSuffix("Signature=\(vector.signature)") == true)

        var request = vector.request
        request.headers += added
        let claim = try SigV4Verifier(region: "us-east-1", services: [vector.service])
            .claim(of: request, at: suiteMoment)
        #expect(claim.accessKeyID == "AKIDEXAMPLE")
        #expect(claim.sessionToken == vector.token)
        try claim.verify(secretAccessKey: suiteCredentials.secretAccessKey, bodyHash: payload)
    }

    /// Made like the others, with `SigV4QueryAuth` and `S3SigV4QueryAuth`.
    static let links: [(String, String, String?, Int, String)] = [
        (
            "lambda", "/2015-03-31/functions/a%20b/code?Version=1", nil, 900,
            "Version=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Flambda"
                + "%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=09e78e5e80c5799209d2e70ddd6a1e94973f71c6e5bde7481155091cbba2ed25"
        ),
        (
            "sts", "/?Action=GetCallerIdentity&Version=2011-06-15", "TO/KEN+=", 60,
            "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE"
                + "%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60"
                + "&X-Amz-SignedHeaders=host&X-Amz-Security-Token=TO%2FKEN%2B%3D"
                + "&X-Amz-Signature=e2a7da9c683c711b8a3db72480182eaf85e3a61e462285296248c3eb3de09ccb"
        ),
        (
            "s3", "/bucket/key%20with/%C3%A9", nil, 604800,
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fs3%2Faws4_request"
                + "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=880bbf386a031f5ac7461fd0a97deaca60869fdd2103f0021c18306f2a8d2279"
        ),
    ]

    @Test(arguments: links)
    func makesAndVerifiesLinksAsAWSDoes(
        _ service: String,
        _ target: String,
        _ token: String?,
        _ expires: Int,
        _ query: String
    ) throws {
        let credentials = Credentials(
            accessKeyID: suiteCredentials.accessKeyID,
            secretAccessKey: suiteCredentials.secretAccessKey,
            sessionToken: token
        )
        var request = SigningRequest(
            method: "GET",
            target: target,
            headers: [("Host", "lambda.us-east-1.amazonaws.com")]
        )
        let signer = SigV4Signer(credentials: credentials, region: "us-east-1", service: service)
        let payload = service == "s3" ? PayloadHash.unsigned : .empty
        #expect(
            signer.presignedQuery(of: request, payload: payload, expiresSeconds: expires, at: suiteMoment) == query
        )
        request.query = query
        let verifier = SigV4Verifier(region: "us-east-1", services: [service])
        for age in [-300, 0, expires] {
            let claim = try verifier.claim(of: request, at: suiteMoment.adding(seconds: age))
            #expect(claim.isLink)
            #expect(claim.sessionToken == token)
            try claim.verify(secretAccessKey: suiteCredentials.secretAccessKey, bodyHash: .empty)
        }
        for age in [-301, expires + 1] {
            #expect(throws: AuthenticationError.self) {
                try verifier.claim(of: request, at: suiteMoment.adding(seconds: age))
            }
        }
    }
}
