import LambdaAPI
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import FunctionURL

struct FunctionURLResponseTests {
    private func response(_ result: String, contentType: String? = "application/json") -> FunctionURLResponse {
        FunctionURLResponse(result: ByteBuffer(string: result), contentType: contentType, isFunctionError: false)
    }

    @Test(
        arguments: [
            ("\"hello\"", "hello"), (" \"a\\n\\u00e9\" ", "a\né"), ("\"\"", ""), ("null", "null"), ("1.50", "1.50"),
            ("true", "true"), ("[1, 2 ,\n3]", "[1,2,3]"),
            ("{\"a\": \"b c\\\" \", \"d\": 1e2}", "{\"a\":\"b c\\\" \",\"d\":1e2}"),
            ("{\"statusCode\": null}", "{\"statusCode\":null}"), ("{\"body\":\"x\"}", "{\"body\":\"x\"}"), ("", ""),
            ("{\"big\":12345678901234567890.10}", "{\"big\":12345678901234567890.10}"),
        ]
    )
    func resultWithoutStatusCodeIsTheBody(result: String, body: String) {
        let response = response(result)
        #expect(response.head.status == .ok)
        #expect(response.head.headers == ["Content-Type": "application/json"])
        #expect(String(buffer: response.body) == body)
    }

    @Test(
        arguments: [
            (#"{"statusCode":201,"body":"made"}"#, 201, "made"),
            (#"{"statusCode":"418","body":"i'm a teapot"}"#, 418, "i'm a teapot"),
            (#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#, 200, "hi"),
            (#"{"statusCode":200,"body":"aGk=","isBase64Encoded":"true"}"#, 200, "hi"),
            (#"{"statusCode":200,"body":"aGk=","isBase64Encoded":false}"#, 200, "aGk="),
            (#"{"statusCode":200,"body":{"a": [1, null]}}"#, 200, #"{"a":[1,null]}"#),
            (#"{"statusCode":200,"body":7}"#, 200, "7"), (#"{"statusCode":200,"body":null}"#, 200, ""),
            (#"{"statusCode":200}"#, 200, ""), (#"{"statusCode":599,"headers":null,"cookies":null}"#, 599, ""),
            (#"{"statusCode":204,"body":"none"}"#, 204, ""), (#"{"statusCode":304,"body":"none"}"#, 304, ""),
        ] as [(String, Int, String)]
    )
    func resultWithStatusCodeIsAWholeResponse(result: String, status: Int, body: String) {
        let response = response(result)
        #expect(response.head.status.code == UInt(status))
        #expect(response.head.headers == ["Content-Type": "application/json"])
        #expect(String(buffer: response.body) == body)
    }

    @Test func headersAndCookiesAreSent() {
        let response = response(
            """
            {"statusCode": 201, "headers": {"content-type": "text/plain", "My-Custom-Header": "Custom Value",
            "n": 1, "d": 1.5, "b": true, "nothing": null, "list": [1, "a"], "X": "first", "x": "second"},
            "cookies": ["a=1; Secure", "b=2"], "multiValueHeaders": {"Ignored": ["1"]}}
            """
        )
        #expect(
            response.head.headers == [
                "content-type": "text/plain", "My-Custom-Header": "Custom Value", "n": "1", "d": "1.5", "b": "true",
                "list": "[1,\"a\"]", "X": "second", "Set-Cookie": "a=1; Secure", "set-cookie": "b=2",
            ]
        )
    }

    @Test func headersOfTheConnectionAreTheServersOwn() {
        let response = response(
            """
            {"statusCode":200,"headers":{"Connection":"close","CONTENT-LENGTH":"9999","Transfer-Encoding":"chunked",
            "keep-alive":"x","Upgrade":"h2c","TE":"x","Trailer":"x","Proxy-Connection":"x","Kept":"1"}}
            """
        )
        #expect(response.head.headers == ["Content-Type": "application/json", "Kept": "1"])
    }

    @Test(
        arguments: [
            #"{"statusCode":"abc"}"#, #"{"statusCode":true}"#, #"{"statusCode":200.5}"#, #"{"statusCode":{}}"#,
            #"{"statusCode":99}"#, #"{"statusCode":100}"#, #"{"statusCode":101}"#, #"{"statusCode":600}"#,
            #"{"statusCode":0}"#, #"{"statusCode":-200}"#, #"{"statusCode":9223372036854775807}"#,
            #"{"statusCode":92233720368547758070}"#, #"{"statusCode":"99999999999999999999"}"#,
            #"{"statusCode":200,"headers":[]}"#, #"{"statusCode":200,"headers":"a: b"}"#,
            #"{"statusCode":200,"cookies":"a=1"}"#, #"{"statusCode":200,"cookies":[1]}"#,
            #"{"statusCode":200,"cookies":["a\r\nb"]}"#, #"{"statusCode":200,"body":"!","isBase64Encoded":true}"#,
            #"{"statusCode":200,"headers":{"a":"b\r\nSet-Cookie: c"}}"#, #"{"statusCode":200,"headers":{"a":"b\nc"}}"#,
            #"{"statusCode":200,"headers":{"a":"b\u0000"}}"#, #"{"statusCode":200,"headers":{"a\r\nb":"c"}}"#,
            #"{"statusCode":200,"headers":{"a b":"c"}}"#, #"{"statusCode":200,"headers":{"":"c"}}"#,
            #"{"statusCode":200,"headers":{"é":"c"}}"#, #"{"statusCode":200,"headers":{"a:":"c"}}"#,
            "not json", "{", "\"", "\u{0}", "{\"statusCode\":200}x",
        ]
    )
    func malformedResponseIsABadGateway(result: String) {
        let response = response(result)
        #expect(response == EdgeAnswer.functionFailed.response)
        #expect(response.head.status == .badGateway)
    }

    @Test func headersThatAreTooLargeAreRefused() {
        func result(valueLength: Int) -> String {
            #"{"statusCode":200,"headers":{"a":"\#(String(repeating: "x", count: valueLength))"}}"#
        }
        let max = FunctionURLResponseHead.headersSizeMax.bytes
        #expect(response(result(valueLength: max - 1)).head.status == .ok)
        #expect(response(result(valueLength: max)).head.status == .badGateway)
        let names = (0..<100_000).map { #""h\#($0)":"""# }.joined(separator: ",")
        #expect(response(#"{"statusCode":200,"headers":{\#(names)}}"#).head.status == .badGateway)
    }

    @Test func errorOfTheFunctionIsABadGatewayThatTellsNothing() {
        let error = ByteBuffer(string: #"{"errorMessage":"secret","errorType":"E"}"#)
        let response = FunctionURLResponse(result: error, contentType: "application/json", isFunctionError: true)
        #expect(response.head.status == .badGateway)
        #expect(String(buffer: response.body) == "Internal Server Error")
    }

    @Test func streamedResponseIsReadWhereItIsBuffered() {
        let type = StreamedURLResponse.contentType
        let response = response("{\"statusCode\":202}\0\0\0\0\0\0\0\0body\0", contentType: type)
        #expect(response.head.status == .accepted)
        #expect(String(buffer: response.body) == "body\0")
        #expect(self.response("{\"statusCode\":202}", contentType: type) == EdgeAnswer.functionFailed.response)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func everyResultHasAnAnswer(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let pieces = [
            "{", "}", "[", "]", ",", ":", " ", "\"", "\"statusCode\"", ":200", "\"headers\":{", "\"body\":\"",
            "\\u0000",
            "\"cookies\":[", "\"isBase64Encoded\":true", "null", "1", "-1e999", "\u{0}", "é", "\r\n", "\"a\":\"b\"",
        ]
        let text = "{\"statusCode\":200," + generator.text(of: pieces, countMax: 12)
        for bytes in [
            generator.bytes(countMax: 40), Array(text.utf8), Array(generator.text(of: pieces, countMax: 20).utf8),
        ] {
            for contentType in [nil, "application/json", StreamedURLResponse.contentType] {
                let response = FunctionURLResponse(
                    result: ByteBuffer(bytes: bytes),
                    contentType: contentType,
                    isFunctionError: false
                )
                #expect((200...599).contains(response.head.status.code))
                #expect(
                    response.head.headers.allSatisfy {
                        HTTPFieldText.isName($0.name) && HTTPFieldText.isValue($0.value)
                    }
                )
            }
        }
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func whatAFunctionEncodesArrives(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let bytes = generator.bytes(countMax: 200)
        let text = String(decoding: generator.bytes(countMax: 50), as: UTF8.self)
        let header = text.filter { HTTPFieldText.isValue(String($0)) }
        let result = JSONWriter.document { json in
            json.member("statusCode", 200)
            json.member("headers", ["X-Text": header])
            json.member("body", Blob(bytes))
            json.member("isBase64Encoded", true)
        }
        let response = FunctionURLResponse(result: ByteBuffer(bytes: result), contentType: nil, isFunctionError: false)
        #expect(Array(buffer: response.body) == bytes)
        #expect(response.head.headers.first(name: "x-text") == header)
        let plain = JSONWriter.bytes(of: text)
        let echo = FunctionURLResponse(result: ByteBuffer(bytes: plain), contentType: nil, isFunctionError: false)
        #expect(String(buffer: echo.body) == text)
    }
}
