import TestSupport
import Testing

@testable import FunctionURL

struct FunctionURLAddressTests {
    private let domain = FunctionURLDomain(region: "us-east-1")

    @Test(
        arguments: [
            ("abc.lambda-url.us-east-1.localhost", "/", "abc", "/", ""),
            ("abc.lambda-url.us-east-1.localhost:9000", "/a/b?c=d", "abc", "/a/b", "c=d"),
            ("ABC.Lambda-URL.US-EAST-1.LocalHost:9000", "/", "abc", "/", ""),
            ("abc.lambda-url.us-east-1.on.aws", "/pa2%Fth/1?q=%41?", "abc", "/pa2%Fth/1", "q=%41?"),
            ("abc.lambda-url.us-east-1.localhost", "", "abc", "/", ""),
            ("abc.lambda-url.us-east-1.localhost", "?a", "abc", "/", "a"),
            ("abc.lambda-url.us-east-1.localhost", "*", "abc", "/", ""),
            ("abc.lambda-url.us-east-1.localhost", "http://elsewhere/x?y", "abc", "/x", "y"),
            ("abc.lambda-url.us-east-1.localhost", "http://elsewhere", "abc", "/", ""),
            ("abc.lambda-url.us-east-1.localhost", "/_url/def/x", "abc", "/_url/def/x", ""),
            ("localhost:9000", "/_url/abc", "abc", "/", ""),
            ("localhost:9000", "/_url/ABC/", "abc", "/", ""),
            ("localhost:9000", "/_url/abc?x=/y", "abc", "/", "x=/y"),
            ("localhost:9000", "/_url/abc//x%20y/?", "abc", "//x%20y/", ""),
        ] as [(String, String, String, String, String)]
    )
    func requestsToURLsAreRecognised(host: String, uri: String, id: String, path: String, query: String) throws {
        let address = try #require(FunctionURLAddress(host: host, uri: uri, in: domain))
        #expect(address.id.rawValue == id)
        #expect(address.rawPath == path)
        #expect(address.rawQuery == query)
    }

    @Test(
        arguments: [
            (nil, "/2015-03-31/functions"), ("", "/"), ("localhost:9000", "/"), ("127.0.0.1:9000", "/"),
            (".lambda-url.us-east-1.localhost", "/"), ("a.b.lambda-url.us-east-1.localhost", "/"),
            ("a_b.lambda-url.us-east-1.localhost", "/"), ("abc.lambda-url.us-east-1", "/"),
            ("abc.lambda-url.us-east-1.localhost.evil.example", "/"), ("abc.lambda-url.us-east-1.localhost:x", "/"),
            ("abc.lambda-url.eu-west-1.localhost", "/"), ("abc.lambda-url.us-east-1localhost", "/"),
            ("\(String(repeating: "a", count: 64)).lambda-url.us-east-1.localhost", "/"),
            ("localhost", "/_url"), ("localhost", "/_url/"), ("localhost", "/_url//x"), ("localhost", "/_url/a%41/x"),
            ("localhost", "/_URL/abc"), ("localhost", ""),
        ] as [(String?, String)]
    )
    func otherRequestsAreLeftAlone(host: String?, uri: String) {
        #expect(FunctionURLAddress(host: host, uri: uri, in: domain) == nil)
    }

    @Test func ownDomainIsRecognisedInsteadOfLocalhost() {
        let own = FunctionURLDomain(region: "eu-west-1", suffix: "lambda.example.com")
        #expect(FunctionURLAddress(host: "a.lambda-url.eu-west-1.lambda.example.com", uri: "/", in: own) != nil)
        #expect(FunctionURLAddress(host: "a.lambda-url.eu-west-1.localhost", uri: "/", in: own) == nil)
    }

    @Test func publicURLsLeadBackToTheirIdentifier() throws {
        let id = FunctionURLID("abc")
        #expect(domain.url(of: id, scheme: "http", port: 9000) == "http://abc.lambda-url.us-east-1.localhost:9000/")
        #expect(domain.url(of: id, scheme: "https", port: 443) == "https://abc.lambda-url.us-east-1.localhost/")
        #expect(domain.url(of: id, scheme: "http", port: nil) == "http://abc.lambda-url.us-east-1.localhost/")
        #expect(
            FunctionURLDomain.pathURL(of: id, scheme: "http", host: "localhost", port: 9000)
                == "http://localhost:9000/_url/abc/"
        )
        let address = try #require(FunctionURLAddress(host: domain.name(of: id), uri: "/", in: domain))
        #expect(address.id == id)
    }

    @Test func randomTextNeverTraps() {
        var generator = SeededGenerator(seed: 11)
        let pieces = [
            "abc", ".lambda-url.", "us-east-1", ".", "localhost", ":", "80", "/", "_url", "?", "%", "é", "\0",
        ]
        for _ in 0..<2000 {
            let host = generator.text(of: pieces, countMax: 6)
            let uri = generator.text(of: pieces, countMax: 6)
            let address = FunctionURLAddress(host: host, uri: uri, in: domain)
            #expect(address?.rawPath.utf8.first ?? UInt8(ascii: "/") == UInt8(ascii: "/"))
        }
    }
}

struct FunctionURLIDTests {
    @Test func identifiersAre32LowerCaseLettersAndDigits() {
        var generator = SeededGenerator(seed: 5)
        let ids = Set((0..<100).map { _ in FunctionURLID.random(using: &generator) })
        #expect(ids.count == 100)
        for id in ids {
            #expect(id.rawValue.utf8.count == 32)
            #expect(FunctionURLID(label: id.rawValue[...].utf8) == id)
            #expect(!id.rawValue.contains("-"))
        }
    }
}
