import AsyncHTTPClient
import Identity
import LambdaAPI
import NIOHTTP1
import Testing

@testable import ServiceClients

struct ServiceEndpointTests {
    private static let credentials = Credentials(
        accessKeyID: "AKID",
        secretAccessKey: "a/secret+with=signs",
        sessionToken: "token"
    )
    private static let moment = Timestamp(milliseconds: 1_704_067_200_000)

    private func endpoint(_ service: String, credentials: Credentials? = credentials) -> ServiceEndpoint {
        ServiceEndpoint(
            service: service,
            url: "http://127.0.0.1:9324",
            region: "eu-central-1",
            credentials: credentials
        )
    }

    @Test(arguments: ["sqs", "s3"])
    func requestsAreSignedWithAllThatIsInThem(service: String) throws {
        let request = ServiceRequest(
            method: .PUT,
            path: "/a/b%20c",
            query: "d=e%2Ff",
            headers: [("X-Amz-Target", "AmazonSQS.SendMessage")],
            body: Array("body".utf8)
        )
        let signed = endpoint(service).signed(request, at: Self.moment)
        #expect(signed.url == "http://127.0.0.1:9324/a/b%20c?d=e%2Ff")
        #expect(signed.method == .PUT)
        #expect(signed.headers["Host"] == ["127.0.0.1:9324"])
        #expect(signed.headers["X-Amz-Target"] == ["AmazonSQS.SendMessage"])
        #expect(signed.headers["X-Amz-Date"] == ["20240101T000000Z"])
        let hash = PayloadHash(of: request.body)
        #expect(signed.headers["x-amz-content-sha256"] == (service == "s3" ? [hash.text] : []))

        let claim = try SigV4Verifier(region: "eu-central-1", services: [service]).claim(
            of: SigningRequest(
                method: "PUT",
                target: "/a/b%20c?d=e%2Ff",
                headers: signed.headers.map { (name: $0.name, value: $0.value) }
            ),
            at: Self.moment
        )
        #expect(claim.accessKeyID == "AKID")
        #expect(claim.sessionToken == "token")
        try claim.verify(secretAccessKey: Self.credentials.secretAccessKey, bodyHash: hash)
        #expect(throws: AuthenticationError.self) {
            try claim.verify(secretAccessKey: Self.credentials.secretAccessKey, bodyHash: .empty)
        }
    }

    @Test func nothingIsSignedWithoutCredentials() {
        let request = ServiceRequest(method: .GET, path: "/")
        let sent = endpoint("s3", credentials: nil).signed(request, at: Self.moment)
        #expect(sent.headers == ["Host": "127.0.0.1:9324"])
        #expect(sent.url == "http://127.0.0.1:9324/")
        #expect(sent.body == nil)
    }
}
