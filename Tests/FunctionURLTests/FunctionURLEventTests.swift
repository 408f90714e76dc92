import LambdaAPI
import NIOHTTP1
import TestSupport
import Testing

@testable import FunctionURL

struct FunctionURLEventTests {
    @Test func eventOfASignedRequestIsTheDocumentedOne() {
        var request = FunctionURLRequest.example(
            method: .POST,
            uri: "/my/path?parameter1=value1&parameter1=value2&parameter2=value",
            headers: [
                "Cookie": "cookie1; cookie2", "Header1": "value1", "HEADER2": "value1", "header2": "value2",
                "Content-Type": "text/plain", "User-Agent": "agent", "Authorization": "AWS4-HMAC-SHA256 x",
                "Connection": "keep-alive", "Host": "url-id.lambda-url.us-west-2.on.aws",
            ],
            body: Array("Hello from client!".utf8)
        )
        request.caller = FunctionURLRequest.Caller(
            accessKey: "AKIA...",
            accountID: "111122223333",
            callerID: "AIDA...",
            userARN: "arn:aws:iam::111122223333:user/example-user",
            userID: "AIDA..."
        )
        request.connection.port = 443
        request.connection.encryption = .init(version: "TLSv1.2", cipherSuite: "ECDHE-RSA-AES128-GCM-SHA256")
        let expected = """
            {"version":"2.0","routeKey":"$default","rawPath":"/my/path",
            "rawQueryString":"parameter1=value1&parameter1=value2&parameter2=value",
            "cookies":["cookie1","cookie2"],
            "headers":{"header1":"value1","header2":"value1,value2","content-type":"text/plain","user-agent":"agent",
            "host":"url-id.lambda-url.us-west-2.on.aws","x-amzn-tls-cipher-suite":"ECDHE-RSA-AES128-GCM-SHA256",
            "x-amzn-tls-version":"TLSv1.2","x-amzn-trace-id":"Root=1-5e6b67ad-2d4a5560cf6fb7a02780c3a0",
            "x-forwarded-for":"123.123.123.123","x-forwarded-port":"443","x-forwarded-proto":"https"},
            "queryStringParameters":{"parameter1":"value1,value2","parameter2":"value"},
            "requestContext":{"accountId":"123456789012","apiId":"url-id",
            "authorizer":{"iam":{"accessKey":"AKIA...","accountId":"111122223333","callerId":"AIDA...",
            "cognitoIdentity":null,"principalOrgId":null,
            "userArn":"arn:aws:iam::111122223333:user/example-user","userId":"AIDA..."}},
            "domainName":"url-id.lambda-url.us-west-2.on.aws","domainPrefix":"url-id",
            "http":{"method":"POST","path":"/my/path","protocol":"HTTP/1.1","sourceIp":"123.123.123.123",
            "userAgent":"agent"},
            "requestId":"5d9a0b1c-0000-4000-8000-000000000000","routeKey":"$default","stage":"$default",
            "time":"12/Mar/2020:19:03:58 +0000","timeEpoch":1584039838390},
            "body":"Hello from client!","isBase64Encoded":false}
            """
        let event = String(decoding: JSONWriter.bytes(of: FunctionURLEvent(request)), as: UTF8.self)
        #expect(event == expected.replacing("\n", with: ""))
    }

    @Test func eventOfABareRequestHasNoOptionalMembers() throws {
        let event = try FunctionURLRequest.example().event
        #expect(
            event.members.map(\.name)
                == ["version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded"]
        )
        let context: JSONObject = try event.required("requestContext")
        #expect(try context.required("accountId") == "anonymous")
        #expect(context["authorizer"] == nil)
        #expect(try event.required("isBase64Encoded") == false)
    }

    @Test func clientsCannotForgeWhereTheyComeFrom() throws {
        let forged: HTTPHeaders = [
            "X-Forwarded-For": "6.6.6.6", "x-forwarded-proto": "https", "X-Forwarded-Port": "1",
            "X-Amzn-Trace-Id": "Root=1", "X-Amzn-Tls-Version": "TLSv1.3", "x-amzn-tls-cipher-suite": "none",
            "After": "kept",
        ]
        let headers: [String: String] = try FunctionURLRequest.example(headers: forged).event.required("headers")
        #expect(
            headers == [
                "after": "kept", "host": "url-id.lambda-url.us-west-2.on.aws", "x-forwarded-for": "123.123.123.123",
                "x-forwarded-port": "9000", "x-forwarded-proto": "http",
                "x-amzn-trace-id": "Root=1-5e6b67ad-2d4a5560cf6fb7a02780c3a0",
            ]
        )
    }

    @Test func functionsOfPublicURLsSeeTheAuthorizationThatTheirClientsSend() throws {
        let sent: HTTPHeaders = ["Authorization": "Bearer x", "Host": "localhost:9000", "X-Amz-Security-Token": "t"]
        let headers: [String: String] = try FunctionURLRequest.example(headers: sent).event.required("headers")
        #expect(headers["authorization"] == "Bearer x")
        #expect(headers["host"] == "localhost:9000")
        #expect(headers["x-amz-security-token"] == "t")
    }

    @Test(
        arguments: [
            ("a=b", ["a": "b"]), ("a", ["a": ""]), ("a=", ["a": ""]), ("=b", ["": "b"]), ("a=b=c", ["a": "b=c"]),
            ("a=1&b=2&a=3", ["a": "1,3", "b": "2"]), ("multi=foo&multi=%2Fbar", ["multi": "foo,/bar"]),
            ("a+b=c+d%2B", ["a b": "c d+"]), ("%41=%c3%A9", ["A": "é"]), ("a=%zz%4&b=%", ["a": "%zz%4", "b": "%"]),
            ("a=%ff", ["a": "\u{FFFD}"]), ("&&a=b&", ["a": "b"]), ("a=%00", ["a": "\0"]), ("a=%+1", ["a": "% 1"]),
        ] as [(String, [String: String])]
    )
    func queriesAreDecoded(query: String, parameters: [String: String]) throws {
        let event = try FunctionURLRequest.example(uri: "/?\(query)").event
        #expect(try event.required("rawQueryString") == query)
        #expect(try event.required("queryStringParameters") == parameters)
    }

    @Test(arguments: ["/", "/?", "/?&", "/?&&"])
    func queryWithoutParametersLeavesTheirMemberOut(uri: String) throws {
        #expect(try FunctionURLRequest.example(uri: uri).event["queryStringParameters"] == nil)
    }

    @Test func cookiesOfAllHeadersAreApart() throws {
        let request = FunctionURLRequest.example(headers: ["Cookie": " a=1;b=2 ; ", "cookie": "c=\"3; \""])
        let event = try request.event
        #expect(try event.required("cookies") == ["a=1", "b=2", "c=\"3", "\""])
        let headers: [String: String] = try event.required("headers")
        #expect(headers["cookie"] == nil)
    }

    @Test(
        arguments: [
            ("text/plain", false), ("TEXT/HTML; charset=utf-8", false), ("application/json", false),
            ("application/json;charset=utf-8", false), (" application/xml ; x", false),
            ("application/javascript", false), ("application/problem+json", false), ("image/svg+xml", false),
            ("application/x-www-form-urlencoded", true), ("multipart/form-data; boundary=text/x", true),
            ("application/octet-stream", true), ("", true), ("json", true), (nil, true),
        ] as [(String?, Bool)]
    )
    func bodiesOfOtherThanTextualTypesAreInBase64(contentType: String?, isBase64: Bool) throws {
        let headers = contentType.map { HTTPHeaders([("Content-Type", $0)]) } ?? [:]
        let event = try FunctionURLRequest.example(method: .POST, headers: headers, body: Array("{\"a\":1}".utf8)).event
        #expect(try event.required("isBase64Encoded") == isBase64)
        #expect(try event.required("body") == (isBase64 ? "eyJhIjoxfQ==" : "{\"a\":1}"))
    }

    @Test func textThatIsNotUTF8IsNotDamaged() throws {
        let request = FunctionURLRequest.example(headers: ["Content-Type": "text/plain"], body: [0x61, 0xFF])
        #expect(try request.event.required("isBase64Encoded") == true)
        #expect(try request.event.required("body") == "Yf8=")
    }

    @Test(
        arguments: [
            (0, "01/Jan/1970:00:00:00 +0000"), (1_659_687_279_885, "05/Aug/2022:08:14:39 +0000"),
            (1_735_689_599_999, "31/Dec/2024:23:59:59 +0000"),
        ]
    )
    func timeIsThatOfWebServersLogs(milliseconds: Int, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).commonLogText == text)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func everyRequestHasAnEventThatIsJSON(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let names = ["Cookie", "A", "a", "Content-Type", "Host", "Authorization", "X-Forwarded-For", "Connection"]
        var headers = HTTPHeaders()
        for _ in 0..<Int.random(in: 0...30, using: &generator) {
            let value = String(decoding: generator.bytes(countMax: 40), as: UTF8.self)
            headers.add(name: names[Int.random(in: 0..<names.count, using: &generator)], value: value)
        }
        if Bool.random(using: &generator) { headers.replaceOrAdd(name: "Content-Type", value: "text/plain") }
        let uri = "/" + String(decoding: generator.bytes(countMax: 60), as: UTF8.self)
        let body = generator.bytes(countMax: 100)
        let request = FunctionURLRequest.example(method: .RAW(value: "\"\0"), uri: uri, headers: headers, body: body)
        let bytes = JSONWriter.bytes(of: FunctionURLEvent(request))
        try bytes.withUnsafeBytes { try JSONSyntax.check($0) }
        let event = try request.event
        let text: String = try event.optional("body") ?? ""
        let blob = try event.required("isBase64Encoded") ? Blob(base64: JSONText(text))?.bytes : Array(text.utf8)
        #expect(blob == body)
        #expect(try event.required("rawPath") == request.address.rawPath)
    }

    @Test func hugeHeadsTakeTimeInProportionToTheirSize() throws {
        var headers = HTTPHeaders()
        for index in 0..<20_000 { headers.add(name: "h\(index)", value: "v") }
        let uri = "/?" + (0..<50_000).map { "p\($0)=v&same=" }.joined(separator: "&")
        let event = try FunctionURLRequest.example(uri: uri, headers: headers).event
        let parameters: [String: String] = try event.required("queryStringParameters")
        #expect(parameters.count == 50_001)
        #expect(parameters["same"]?.utf8.count == 49_999)
    }
}
