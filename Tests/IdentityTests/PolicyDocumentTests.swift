import Identity
import Testing

@Suite struct PolicyDocumentTests {
    static let statement = #""Effect":"Allow","Action":"lambda:*","Resource":"*""#

    @Test(arguments: [
        (PolicyDocument.Kind.identity, #"{"Version":"2012-10-17","Statement":[{\#(statement)}]}"#),
        (.identity, #"{"Statement":{\#(statement)}}"#),
        (.identity, #"{"Version":"2008-10-17","Id":"mine","Statement":{"Sid":"One1",\#(statement)}}"#),
        (.identity, #"{"Statement":{"Effect":"Deny","NotAction":["s3:*","*"],"NotResource":["arn:aws:s3:::b/*"]}}"#),
        (.identity, #"{"Statement":{"Sid":"","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:lambda:*"}}"#),
        (.resource, #"{"Statement":{"Sid":"a-b_c",\#(statement),"Principal":"*"}}"#),
        (.resource, #"{"Statement":{\#(statement),"NotPrincipal":{"AWS":["000000000000","arn:aws:iam::1:root"]}}}"#),
        (.resource, #"{"Statement":{\#(statement),"Principal":{"Service":"s3.amazonaws.com","AWS":"*"}}}"#),
        (.trust, #"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"a.b"}}}"#),
        (.identity, #"{"Statement":{\#(statement),"Condition":{"Bool":{"aws:SecureTransport":[true,"false"]}}}}"#),
    ])
    func reads(_ kind: PolicyDocument.Kind, _ json: String) throws {
        #expect(try PolicyDocument(json: Array(json.utf8), kind: kind).kind == kind)
    }

    @Test func knowsItsName() throws {
        let json = #"{"Id":"default","Statement":{\#(Self.statement)}}"#
        #expect(try PolicyDocument(json: Array(json.utf8), kind: .identity).id == "default")
    }

    @Test(arguments: [
        "", "[]", "{", "null", #"{"Statement":[]}"#, #"{"Statement":"x"}"#, #"{"Version":"2012-10-17"}"#,
        #"{"Version":"2013-10-17","Statement":{\#(statement)}}"#, #"{"Version":1,"Statement":{\#(statement)}}"#,
        #"{"Statement":{\#(statement)},"Statement":{\#(statement)}}"#, #"{"Statement":[[]]}"#,
        #"{"Statement":{\#(statement),"Effect":"Deny"}}"#, #"{"Statement":{\#(statement),"Condition":[]}}"#,
        #"{"Statement":{\#(statement),"NotAction":"s3:*"}}"#, #"{"Statement":{\#(statement),"NotResource":"*"}}"#,
        #"{"Statement":{\#(statement),"Condition":{"Bool":"x"}}}"#, #"{"Statement":{\#(statement),"Sid":1}}"#,
        #"{"Statement":{\#(statement),"Condition":{"Bool":{"a:b":null}}}}"#,
        #"{"Statement":{\#(statement),"Condition":{"Bool":{"a:b":[["x"]]}}}}"#,
        #"{"Statement":{"Effect":"Allow","Action":[1],"Resource":"*"}}"#,
        #"{"Statement":{"Effect":"Allow","Action":{},"Resource":"*"}}"#,
    ])
    func refusesWhatHasNotTheShapeOfAPolicy(_ json: String) {
        #expect(Self.refusal(json) == "Syntax errors in policy.")
    }

    @Test(arguments: [
        (#"{"Statement":{\#(statement)},"X":1}"#, "Syntax errors in policy."),
        (#"{"Statement":{\#(statement),"action":"s3:*"}}"#, "Syntax errors in policy."),
        (#"{"Statement":{"Action":"s3:*","Resource":"*"}}"#, "Missing required field Effect"),
        (#"{"Statement":{"Effect":"allow","Action":"s3:*","Resource":"*"}}"#, "Syntax errors in policy."),
        (#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#, "Policy statement must contain actions."),
        (#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#, "Policy statement must contain actions."),
        (#"{"Statement":{"Effect":"Allow","Action":"s3:*"}}"#, "Policy statement must contain resources."),
        (
            #"{"Statement":{"Effect":"Allow","Action":"GetFunction","Resource":"*"}}"#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        ),
        (
            #"{"Statement":{\#(statement),"Condition":{"Bool":{"b":"true"}}}}"#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        ),
        (
            #"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}"#,
            #"Resource bucket must be in ARN format or "*"."#
        ),
        (
            #"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3"}}"#,
            #"Resource arn:aws:s3 must be in ARN format or "*"."#
        ),
        (
            #"{"Statement":[{"Sid":"A",\#(statement)},{"Sid":"A",\#(statement)}]}"#,
            "Statement IDs (SID) in a single policy must be unique."
        ),
        (
            #"{"Statement":{"Sid":"a-b",\#(statement)}}"#,
            "Statement IDs (SID) must be alpha-numeric. "
                + "Check that your input satisfies the regular expression [0-9A-Za-z]*"
        ),
        (#"{"Statement":{\#(statement),"Principal":"*"}}"#, "Policy document should not specify a principal."),
        (#"{"Statement":{\#(statement),"Condition":{"Equals":{"a:b":"c"}}}}"#, "Invalid Condition type : Equals"),
        (
            #"{"Statement":{\#(statement),"Condition":{"NullIfExists":{"a:b":"true"}}}}"#,
            "Invalid Condition type : NullIfExists"
        ),
        (
            #"{"Statement":{\#(statement),"Condition":{"ForSomeValues:Bool":{"a:b":"c"}}}}"#,
            "Invalid Condition type : ForSomeValues:Bool"
        ),
    ])
    func saysWhatIsWrong(_ json: String, _ message: String) {
        #expect(Self.refusal(json) == message)
    }

    @Test(arguments: [
        (PolicyDocument.Kind.resource, #"{"Statement":{\#(statement)}}"#, "Policy statement must contain principals."),
        (.resource, #"{"Statement":{\#(statement),"Principal":{}}}"#, "Policy statement must contain principals."),
        (.resource, #"{"Statement":{\#(statement),"Principal":"s"}}"#, #"Invalid principal in policy: "STAR":"s""#),
        (
            .resource, #"{"Statement":{\#(statement),"Principal":{"AWS":"me"}}}"#,
            #"Invalid principal in policy: "AWS":"me""#
        ),
        (
            .resource, #"{"Statement":{\#(statement),"Principal":{"AWS":"arn:aws:iam::1:user/*"}}}"#,
            #"Invalid principal in policy: "AWS":"arn:aws:iam::1:user/*""#
        ),
        (
            .resource, #"{"Statement":{\#(statement),"Principal":{"Service":"*"}}}"#,
            #"Invalid principal in policy: "SERVICE":"*""#
        ),
        (
            .resource, #"{"Statement":{\#(statement),"Principal":{"God":"x"}}}"#,
            #"Invalid principal in policy: "GOD":"x""#
        ),
        (
            .trust,
            #"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*","Principal":"*"}}"#,
            "Has prohibited field Resource"
        ),
        (.trust, #"{"Statement":{"Effect":"Allow","Action":"sts:*"}}"#, "Missing required field Principal"),
    ])
    func wantsWhatThePolicysKindNeeds(_ kind: PolicyDocument.Kind, _ json: String, _ message: String) {
        #expect(Self.refusal(json, kind: kind) == message)
    }

    static func refusal(_ json: String, kind: PolicyDocument.Kind = .identity) -> String? {
        do throws(PolicyError) {
            _ = try PolicyDocument(json: Array(json.utf8), kind: kind)
            return nil
        } catch {
            return error.message
        }
    }
}
