import IdentityAPI
import Testing

@testable import IdentityService

@Suite struct PolicyChecksTests {
    private static func document(_ statements: String, version: String = "2012-10-17") -> String {
        #"{"Version":"\#(version)","Statement":[\#(statements)]}"#
    }

    private static func trust(
        principal: String = #""Principal":{"Service":"lambda.amazonaws.com"}"#,
        action: String = #""Action":"sts:AssumeRole""#,
        effect: String = "Allow",
        more: String = ""
    ) -> String {
        #"{"Effect":"\#(effect)",\#(principal),\#(action)\#(more)}"#
    }

    private static let permission = #"{"Effect":"Allow","Action":"logs:*","Resource":"*"}"#

    private static let takenTrustPolicies: [String] = [
        document(trust()),
        document(trust(), version: "2008-10-17"),
        #"{"Statement":\#(trust())}"#,
        document(trust(principal: #""Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:root"]}"#)),
        document(trust(principal: #""Principal":"*""#)),
        document(trust(action: #""Action":["sts:AssumeRole","sts:TagSession"]"#)),
        document(trust(more: #","Condition":{"StringEquals":{"aws:SourceAccount":"1"}},"Sid":"One""#)),
    ]

    @Test(arguments: takenTrustPolicies)
    func trustPolicyIsTaken(_ document: String) throws {
        try IdentityService.checkPolicy(document, for: .trust)
    }

    private static let refusedTrustPolicies: [(String, String)] = [
        ("{", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        ("{}", "Syntax errors in policy."),
        (document(""), "Syntax errors in policy."),
        (document(trust(), version: "2020-01-01"), "Syntax errors in policy."),
        (document(trust(effect: "allow")), "Syntax errors in policy."),
        (document(trust(more: #","Extra":1"#)), "Syntax errors in policy."),
        (document(trust(more: #","Resource":"*""#)), "Has prohibited field Resource"),
        (document(trust(action: #""Sid":"""#)), "Missing required field Action"),
        (document(trust(principal: #""Sid":"""#)), "Missing required field Principal"),
        (document(trust(action: #""Action":"*""#)), "AssumeRole policy may only specify STS AssumeRole actions."),
        (document(trust(action: #""Action":"s3:Get""#)), "AssumeRole policy may only specify STS AssumeRole actions."),
        (document(trust(principal: #""Principal":{"Who":"x"}"#)), #"Invalid principal in policy: "WHO":"x""#),
        (
            document(trust(principal: #""Principal":{"Service":"lambda"}"#)),
            #"Invalid principal in policy: "SERVICE":"lambda""#
        ),
    ]

    @Test(arguments: refusedTrustPolicies)
    func trustPolicyIsRefused(_ document: String, _ message: String) {
        let error = #expect(throws: IdentityError.self) { try IdentityService.checkPolicy(document, for: .trust) }
        #expect(error == IdentityError(.malformedPolicyDocument, message))
    }

    private static let refusedPermissions: [(String, String)] = [
        ("{", "Syntax errors in policy."),
        (document(trust()), "Policy document should not specify a principal."),
        (document(#"{"Effect":"Allow","Action":"logs:*"}"#), "Policy statement must contain resources."),
        (document(#"{"Effect":"Allow","Action":"a:b","Resource":[]}"#), "Policy statement must contain resources."),
        (document(#"{"Effect":"Allow","Resource":"*"}"#), "Policy statement must contain actions."),
        (
            document(#"{"Effect":"Allow","Action":"a:b","Resource":"bucket"}"#),
            #"Resource bucket must be in ARN format or "*"."#
        ),
        (
            document(#"{"Effect":"Allow","Action":"get","Resource":"*"}"#),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        ),
        (
            document(
                #"{"Sid":"a","Effect":"Allow","Action":"a:b","Resource":"*"},"#
                    + #"{"Sid":"a","Effect":"Deny","Action":"a:b","Resource":"*"}"#
            ),
            "Statement IDs (SID) in a single policy must be unique."
        ),
    ]

    @Test(arguments: refusedPermissions)
    func policyOfPermissionsIsRefused(_ document: String, _ message: String) {
        for purpose in [IdentityService.PolicyPurpose.inline, .managed] {
            let error = #expect(throws: IdentityError.self) { try IdentityService.checkPolicy(document, for: purpose) }
            #expect(error == IdentityError(.malformedPolicyDocument, message))
        }
    }

    @Test func managedPolicyHasToBeOfTheNewVersion() throws {
        let old = Self.document(Self.permission, version: "2008-10-17")
        try IdentityService.checkPolicy(old, for: .inline)
        try IdentityService.checkPolicy(Self.document(Self.permission), for: .managed)
        let error = #expect(throws: IdentityError.self) { try IdentityService.checkPolicy(old, for: .managed) }
        #expect(error?.message == "Policy document must be version 2012-10-17 or greater.")
    }
}
