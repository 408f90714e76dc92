import Identity
import LambdaAPI
import Testing

@Suite struct PolicyConditionTests {
    /// Whether a request is allowed by a policy whose only statement has the condition.
    static func holds(
        _ condition: String,
        _ context: [String: [String]],
        version: String = "2012-10-17"
    ) throws -> Bool {
        let json = """
            {"Version":"\(version)","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":\(condition)}}
            """
        let policy = try PolicyDocument(json: Array(json.utf8), kind: .identity)
        let request = AuthorizationRequest(
            action: "lambda:GetFunction",
            resource: "*",
            resourceAccountID: "000000000000",
            principal: .user(accountID: "000000000000", name: "ada", id: "AIDA1"),
            context: PolicyContext(context)
        )
        return PolicyEvaluation.decide(request, identityPolicies: [policy], resourcePolicy: nil).isAllowed
    }

    /// One operator, one key and its values in the policy; the values in the request, none when the key is absent.
    @Test(arguments: [
        ("StringEquals", ["a", "b"], ["b"], true), ("StringEquals", ["a"], ["A"], false),
        ("StringEquals", ["a*"], ["ab"], false), ("StringEquals", ["a"], [], false),
        ("StringEquals", ["é"], ["e\u{301}"], false),
        ("StringNotEquals", ["a", "b"], ["c"], true), ("StringNotEquals", ["a", "b"], ["b"], false),
        ("StringNotEquals", ["a"], [], true),
        ("StringEqualsIgnoreCase", ["aB"], ["Ab"], true), ("StringEqualsIgnoreCase", ["a"], ["b"], false),
        ("StringNotEqualsIgnoreCase", ["aB"], ["Ab"], false), ("StringNotEqualsIgnoreCase", ["a"], ["b"], true),
        ("StringLike", ["a*", "?z"], ["yz"], true), ("StringLike", ["a*"], ["ba"], false),
        ("StringLike", ["${*}"], ["*"], true), ("StringLike", ["${*}"], ["a"], false),
        ("StringNotLike", ["a*"], ["ab"], false), ("StringNotLike", ["a*"], ["b"], true),
        ("StringEqualsIfExists", ["a"], [], true), ("StringEqualsIfExists", ["a"], ["b"], false),
        ("NumericEquals", ["10"], ["10.0"], true), ("NumericEquals", ["10"], ["ten"], false),
        ("NumericNotEquals", ["10"], ["11"], true), ("NumericNotEquals", ["10", "11"], ["11"], false),
        ("NumericLessThan", ["10"], ["9"], true), ("NumericLessThan", ["10"], ["10"], false),
        ("NumericLessThanEquals", ["10"], ["10"], true), ("NumericLessThanEquals", ["10"], ["11"], false),
        ("NumericGreaterThan", ["10"], ["11"], true), ("NumericGreaterThan", ["10"], ["9"], false),
        ("NumericGreaterThanEquals", ["10"], ["10"], true), ("NumericGreaterThanEquals", ["10"], [], false),
        ("DateEquals", ["2024-01-01"], ["2024-01-01T00:00:00Z"], true),
        ("DateEquals", ["1704067200"], ["2024-01-01T00:00:00Z"], true),
        ("DateNotEquals", ["2024-01-01"], ["2024-01-02T00:00:00Z"], true),
        ("DateLessThan", ["2024-01-01T00:00:00Z"], ["2023-12-31T23:59:59Z"], true),
        ("DateLessThan", ["2024-01-01T00:00:00Z"], ["2024-01-01T00:00:00Z"], false),
        ("DateLessThanEquals", ["2024-01-01T00:00:00Z"], ["2024-01-01T00:00:00Z"], true),
        ("DateGreaterThan", ["2024-01-01T00:00:00Z"], ["2024-01-01T00:00:01Z"], true),
        ("DateGreaterThanEquals", ["2024-01-01T00:00:00Z"], ["soon"], false),
        ("Bool", ["true"], ["True"], true), ("Bool", ["true"], ["false"], false), ("Bool", ["false"], [], false),
        ("BoolIfExists", ["false"], [], true),
        ("BinaryEquals", ["QQ=="], ["QQ=="], true), ("BinaryEquals", ["QQ=="], ["QUE="], false),
        ("IpAddress", ["203.0.113.0/24"], ["203.0.113.7"], true),
        ("IpAddress", ["203.0.113.0/24"], ["203.0.114.7"], false),
        ("IpAddress", ["10.0.0.128/25"], ["10.0.0.127"], false), ("IpAddress", ["0.0.0.0/0"], ["1.2.3.4"], true),
        ("IpAddress", ["1.2.3.4"], ["1.2.3.4"], true), ("IpAddress", ["2001:db8::/33"], ["2001:db8:7fff::1"], true),
        ("IpAddress", ["2001:db8::/33"], ["2001:db8:8000::1"], false), ("IpAddress", ["::/0"], ["1.2.3.4"], false),
        ("IpAddress", ["::ffff:1.2.3.4"], ["::ffff:102:304"], true), ("IpAddress", ["1.2.3.0/24"], ["1.2.3"], false),
        ("IpAddress", ["1.2.3.0/24"], ["::ffff:1.2.3.4"], true), ("IpAddress", ["::/0"], ["::ffff:1.2.3.4"], false),
        ("NotIpAddress", ["203.0.113.0/24"], ["203.0.113.7"], false), ("NotIpAddress", ["203.0.113.0/24"], [], true),
        ("ArnEquals", ["arn:aws:s3:::b*"], ["arn:aws:s3:::bucket"], true),
        ("ArnLike", ["arn:aws:sns:*:000000000000:t"], ["arn:aws:sns:us-east-1:000000000000:t"], true),
        ("ArnLike", ["arn:aws:*:t"], ["arn:aws:sns:us-east-1:000000000000:t"], false),
        ("ArnLike", ["arn:aws:sns:*:*:t"], ["arn:aws:sns:a:b:c:t"], false),
        ("ArnLike", ["arn:aws:sns:*:*:*:t"], ["arn:aws:sns:a:b:c:t"], true),
        ("ArnNotLike", ["arn:aws:s3:::b*"], ["arn:aws:s3:::bucket"], false),
        ("ArnNotEquals", ["arn:aws:s3:::b*"], ["arn:aws:s3:::other"], true),
        ("ArnNotEquals", ["arn:aws:s3:::b"], [], true),
        ("Null", ["true"], [], true), ("Null", ["true"], ["x"], false), ("Null", ["false"], ["x"], true),
        ("Null", ["false"], [], false),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b", "a"], true),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], false), ("ForAllValues:StringEquals", ["a"], [], true),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], true),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "d"], false), ("ForAnyValue:StringEquals", ["a"], [], false),
        ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], true),
        ("ForAllValues:StringNotEquals", ["a"], ["b", "a"], false),
        ("ForAnyValue:StringNotEquals", ["a"], ["b", "a"], true), ("ForAnyValue:StringNotEquals", ["a"], ["a"], false),
        ("ForAnyValue:StringNotEquals", ["a"], [], false), ("ForAnyValue:StringEqualsIfExists", ["a"], [], true),
    ])
    func compares(_ name: String, _ values: [String], _ actual: [String], _ expected: Bool) throws {
        let condition = JSONWriter.document { $0.member(name, object: { $0.member("x:Key", values) }) }
        let context = actual.isEmpty ? [:] : ["X:kEY": actual]
        #expect(try Self.holds(String(decoding: condition, as: UTF8.self), context) == expected)
    }

    @Test func wantsAllKeysAndOperatorsToHold() throws {
        let condition = #"{"StringEquals":{"x:a":"1","x:b":"2"},"Bool":{"x:c":true}}"#
        #expect(try Self.holds(condition, ["x:a": ["1"], "x:b": ["2"], "x:c": ["true"]]))
        for missing in ["x:a", "x:b", "x:c"] {
            var context = ["x:a": ["1"], "x:b": ["2"], "x:c": ["true"]]
            context[missing] = nil
            #expect(try !Self.holds(condition, context))
        }
        #expect(try Self.holds("{}", [:]))
    }

    @Test(arguments: [
        (#"${aws:username}"#, "ada", true), (#"${aws:userid}"#, "AIDA1", true),
        (#"${aws:PrincipalAccount}"#, "000000000000", true), (#"${AWS:UserName}-x"#, "ada-x", true),
        (#"${x:tag}"#, "${x:tag}", false), (#"${x:tag, 'none'}"#, "none", true), (#"${x:star}"#, "anything", false),
        (#"${x:star}"#, "*", true), (#"${$}{?}"#, "${x}", true), (#"${$}{a}"#, "${a}", true),
        (#"${x:many}"#, "a", false),
        (#"${unclosed"#, "${unclosed", true),
    ])
    func putsInVariables(_ text: String, _ actual: String, _ expected: Bool) throws {
        let context = ["x:key": [actual], "x:star": ["*"], "x:many": ["a", "b"]]
        #expect(try Self.holds(#"{"StringLike":{"x:key":"\#(text)"}}"#, context) == expected)
    }

    @Test func knowsNoVariablesInTheFirstVersion() throws {
        let condition = #"{"StringEquals":{"x:key":"${aws:username}"}}"#
        #expect(try !Self.holds(condition, ["x:key": ["ada"]], version: "2008-10-17"))
        #expect(try Self.holds(condition, ["x:key": ["${aws:username}"]], version: "2008-10-17"))
    }

    /// What the principal is, the request's own keys cannot say otherwise.
    @Test func takesThePrincipalsKeysFromThePrincipal() throws {
        let condition = #"{"StringEquals":{"aws:username":"eve"}}"#
        #expect(try !Self.holds(condition, ["aws:username": ["eve"]]))
    }
}
