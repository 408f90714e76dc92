import LambdaAPI
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import FunctionURL

struct CORSPolicyTests {
    private static let origin = "https://www.example.com"

    private func preflight(_ cors: Cors, origin: String = origin, asking headers: String? = nil) -> HTTPHeaders? {
        var request: HTTPHeaders = ["origin": origin, "access-control-request-method": "PUT"]
        if let headers { request.add(name: "Access-Control-Request-Headers", value: headers) }
        return CORSPolicy(cors).preflightAnswer(method: .OPTIONS, headers: request)?.head.headers
    }

    private func answer(_ cors: Cors, origin: String? = origin, function: HTTPHeaders = [:]) -> HTTPHeaders {
        var headers = function
        CORSPolicy(cors).apply(to: &headers, origin: origin)
        return headers
    }

    @Test(
        arguments: [
            (nil, origin, false), ([], origin, false), ([origin], origin, true), (["*"], origin, true),
            (["http://a", origin], origin, true), (["http://a", "*"], origin, true),
            ([origin], "http://www.example.com", false),
            ([origin], "https://www.example.com:8443", false), ([origin], "https://www.example.com.evil", false),
            ([origin], "https://WWW.example.com", false), (["https://*.example.com"], origin, false),
            (["http://localhost:*"], "http://localhost:3000", false), (["*"], "null", true), (["*"], "", false),
            (["*"], "a\u{0}b", false), (["https://\u{e9}"], "https://e\u{301}", false),
        ] as [([String]?, String, Bool)]
    )
    func onlyAllowedOriginsAreNamed(origins: [String]?, origin: String, isAllowed: Bool) {
        let cors = Cors(allowCredentials: true, allowMethods: ["*"], allowOrigins: origins)
        let expected = isAllowed ? origin : nil
        for headers in [preflight(cors, origin: origin), answer(cors, origin: origin)] {
            #expect(headers?.first(name: "Access-Control-Allow-Origin") == expected)
            #expect(headers?.first(name: "Access-Control-Allow-Credentials") == (isAllowed ? "true" : nil))
            #expect(headers?["Vary"] == ["Origin"])
        }
    }

    @Test func preflightIsAnsweredFromThePolicyAlone() throws {
        let cors = Cors(
            allowCredentials: true,
            allowHeaders: ["Date", "X-Custom-Header"],
            allowMethods: ["GET", "PUT"],
            allowOrigins: [Self.origin],
            exposeHeaders: ["Keep-Alive"],
            maxAge: 86_400
        )
        let request: HTTPHeaders = ["Origin": Self.origin, "Access-Control-Request-Method": "DELETE"]
        let response = try #require(CORSPolicy(cors).preflightAnswer(method: .OPTIONS, headers: request))
        #expect(response.head.status == .ok)
        #expect(response.body.readableBytes == 0)
        #expect(
            response.head.headers == [
                "Access-Control-Allow-Origin": Self.origin, "Access-Control-Allow-Credentials": "true",
                "Access-Control-Allow-Methods": "GET,PUT", "Access-Control-Allow-Headers": "Date,X-Custom-Header",
                "Access-Control-Max-Age": "86400", "Vary": "Origin",
            ]
        )
    }

    @Test func wildcardsAllowWhatIsAskedFor() {
        let cors = Cors(allowHeaders: ["*"], allowMethods: ["*"], allowOrigins: ["*"], maxAge: 0)
        #expect(
            preflight(cors, asking: "authorization, x-b") == [
                "Access-Control-Allow-Origin": Self.origin, "Access-Control-Allow-Methods": "PUT",
                "Access-Control-Allow-Headers": "authorization,x-b", "Access-Control-Max-Age": "0", "Vary": "Origin",
            ]
        )
        #expect(preflight(cors)?.contains(name: "Access-Control-Allow-Headers") == false)
    }

    @Test(
        arguments: [
            (.GET, ["Origin": origin, "Access-Control-Request-Method": "GET"]), (.OPTIONS, ["Origin": origin]),
            (.OPTIONS, ["Access-Control-Request-Method": "GET"]), (.OPTIONS, [:]), (.HEAD, [:]),
        ] as [(HTTPMethod, HTTPHeaders)]
    )
    func otherRequestsAreNoPreflights(method: HTTPMethod, headers: HTTPHeaders) {
        let policy = CORSPolicy(Cors(allowOrigins: ["*"]))
        #expect(policy.preflightAnswer(method: method, headers: headers) == nil)
    }

    @Test func headersOfTheFunctionAreReplacedForAnAllowedOrigin() {
        let own: HTTPHeaders = [
            "access-control-allow-origin": "*", "Access-Control-Allow-Methods": "GET", "X-Own": "1",
            "Access-Control-Expose-Headers": "own", "vary": "Accept",
        ]
        let cors = Cors(allowOrigins: ["*"], exposeHeaders: ["Date", "ETag"])
        #expect(
            answer(cors, function: own) == [
                "Access-Control-Allow-Origin": Self.origin, "Access-Control-Expose-Headers": "Date,ETag", "X-Own": "1",
                "vary": "Accept", "Vary": "Origin",
            ]
        )
    }

    @Test(arguments: [nil, "https://elsewhere"])
    func headersOfTheFunctionStayForOtherOrigins(origin: String?) {
        let own: HTTPHeaders = ["Access-Control-Allow-Origin": "*", "Vary": "Accept, ORIGIN"]
        #expect(answer(Cors(allowOrigins: [Self.origin]), origin: origin, function: own) == own)
    }

    @Test func emptyPolicyAllowsNothing() {
        #expect(preflight(Cors()) == ["Vary": "Origin"])
        #expect(answer(Cors()) == ["Vary": "Origin"])
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func nothingThatIsConfiguredOrSentBreaksOutOfItsHeader(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        func texts() -> [String] {
            (0..<3).map { _ in generator.text(of: ["*", "a", "\r\n", "\u{0}", ",", "é", ": "], countMax: 3) }
        }
        let cors = Cors(allowHeaders: texts(), allowMethods: texts(), allowOrigins: texts(), exposeHeaders: texts())
        let sent = texts()
        var answers = [answer(cors, origin: sent[0])]
        if let headers = preflight(cors, origin: sent[0], asking: sent[1]) { answers.append(headers) }
        for (_, value) in answers.joined() { #expect(HTTPFieldText.isValue(value)) }
    }
}
