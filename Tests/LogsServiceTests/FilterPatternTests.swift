import LogsAPI
import LogsService
import Testing

@Suite struct FilterPatternTests {
    private static let message = """
        {"level":"ERROR","latency":120.5,"count":7,"ok":true,"bad":false,"none":null,"user":{"name":"ada-lovelace",
         "tags":["a","b"]},"items":[{"id":1},{"id":2}],"odd key":"x","quoted":"say \\"hi\\"","code":"404"}
        """

    @Test(arguments: [
        ("", "anything", true),
        ("   ", "anything", true),
        ("ERROR", "[ERROR 400] bad request", true),
        ("error", "[ERROR 400] bad request", false),
        ("ERROR request", "[ERROR 400] bad request", true),
        ("ERROR missing", "[ERROR 400] bad request", false),
        ("\"bad request\"", "[ERROR 400] bad request", true),
        ("\"request bad\"", "[ERROR 400] bad request", false),
        ("\"say \\\"hi\\\"\"", "they say \"hi\"", true),
        ("ERROR -400", "[ERROR 400] bad request", false),
        ("ERROR -401", "[ERROR 400] bad request", true),
        ("-ERROR", "fine", true),
        ("-\"bad request\"", "[ERROR 400] bad request", false),
        ("?WARN ?ERROR", "[ERROR 400] bad request", true),
        ("?WARN ?INFO", "[ERROR 400] bad request", false),
        ("?WARN request", "[ERROR 400] bad request", true),
        ("REPORT", "REPORT RequestId: x\t", true),
        ("ünï", "some ünïcode", true),
        ("aab", "aaab", true),
    ])
    func terms(pattern: String, message: String, isMatch: Bool) throws {
        #expect(try FilterPattern(pattern).matches(Array(message.utf8)) == isMatch)
    }

    @Test(arguments: [
        (#"{ $.level = "ERROR" }"#, true),
        (#"{$.level="ERROR"}"#, true),
        (#"{ $.level = ERROR }"#, true),
        (#"{ $.level = "WARN" }"#, false),
        (#"{ $.level != "WARN" }"#, true),
        (#"{ $.level != "ERROR" }"#, false),
        (#"{ $.missing != "ERROR" }"#, false),
        (#"{ $.level = "ERR*" }"#, true),
        (#"{ $.level = "*RR*" }"#, true),
        (#"{ $.level = "*X*" }"#, false),
        (#"{ $.level = * }"#, true),
        (#"{ $.missing = * }"#, false),
        (#"{ $.user.name = "ada*lace" }"#, true),
        (#"{ $.user.name = ada-lovelace }"#, true),
        (#"{ $.latency > 120 }"#, true),
        (#"{ $.latency > 120.5 }"#, false),
        (#"{ $.latency >= 120.5 }"#, true),
        (#"{ $.latency < 1.3e2 }"#, true),
        (#"{ $.latency <= 120 }"#, false),
        (#"{ $.count = 7 }"#, true),
        (#"{ $.count = 7.0 }"#, true),
        (#"{ $.count != 7 }"#, false),
        (#"{ $.count > -1 }"#, true),
        (#"{ $.level > 1 }"#, false),
        (#"{ $.code = 404 }"#, true),
        (#"{ $.code = 4* }"#, true),
        (#"{ $.level = "ERROR" && $.count = 7 }"#, true),
        (#"{ $.level = "ERROR" && $.count = 8 }"#, false),
        (#"{ $.level = "WARN" || $.count = 7 }"#, true),
        // && binds more strongly than ||.
        (#"{ $.level = "ERROR" || $.count = 7 && $.count = 8 }"#, true),
        (#"{ ($.level = "ERROR" || $.count = 7) && $.count = 8 }"#, false),
        (#"{ ( ( $.count = 7 ) ) }"#, true),
        (#"{ $.none IS NULL }"#, true),
        (#"{ $.level IS NULL }"#, false),
        (#"{ $.missing NOT EXISTS }"#, true),
        (#"{ $.none NOT EXISTS }"#, false),
        (#"{ $.level EXISTS }"#, true),
        (#"{ $.ok IS TRUE }"#, true),
        (#"{ $.ok is false }"#, false),
        (#"{ $.bad IS FALSE && $.ok IS TRUE }"#, true),
        (#"{ $.items[0].id = 1 }"#, true),
        (#"{ $.items[1].id = 1 }"#, false),
        (#"{ $.items[9].id = 1 }"#, false),
        (#"{ $.items[*].id = 2 }"#, true),
        (#"{ $.user.tags[*] = "b" }"#, true),
        (#"{ $["odd key"] = "x" }"#, true),
        (#"{ $['odd key'] = "x" }"#, true),
        (#"{ $.quoted = "say \"hi\"" }"#, true),
        (#"{ $.level.deeper = "x" }"#, false),
    ])
    func json(pattern: String, isMatch: Bool) throws {
        #expect(try FilterPattern(pattern).matches(Array(Self.message.utf8)) == isMatch)
    }

    @Test(arguments: ["plain text", "", "{", "[1]", "7", "{\"level\":"])
    func whatIsNotAnObjectDoesNotMatchJSON(message: String) throws {
        #expect(try !FilterPattern(#"{ $.level = "ERROR" }"#).matches(Array(message.utf8)))
    }

    @Test(arguments: [
        "\"open", "-", "?", "- x", "{", "{}", "{ $ }", "{ $.a }", "{ $.a = }", "{ $.a = 1", "{ $.a = 1 } x",
        "{ .a = 1 }",
        "{ $.a == 1 }", "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a = 1) }", "{ $.a > \"x\" }", "{ $.a > x }",
        "{ $. = 1 }",
        "{ $.a[ = 1 }", "{ $.a[x] = 1 }", "{ $.a[-1] = 1 }", "{ $.a = \"x }", "{ $.a IS }", "{ $.a = %x% }", "[a, b]",
        "%regex%", "\"\"", "{ " + String(repeating: "(", count: 400) + "$.a = 1 }",
    ])
    func invalidPatternIsRefused(pattern: String) {
        let error = #expect(throws: LogsError.self) { try FilterPattern(pattern) }
        #expect(error?.code == .invalidParameterException)
        #expect(error?.message.hasPrefix("Invalid filter pattern: ") == true)
    }

    @Test func wildcardsTakeNoMoreThanQuadraticTime() throws {
        let pattern = try FilterPattern("{ $.a = \"" + String(repeating: "*a", count: 200) + "*b\" }")
        let message = "{\"a\":\"" + String(repeating: "a", count: 20_000) + "\"}"
        #expect(!pattern.matches(Array(message.utf8)))
    }
}
