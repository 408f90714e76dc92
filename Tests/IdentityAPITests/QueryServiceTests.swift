import IdentityAPI
import LambdaAPI
import Testing

@Suite struct QueryServiceTests {
    @Test func successHasTheFormOfTheService() {
        let role = Role(path: "/", roleName: "r", createDate: Timestamp(milliseconds: 1_704_067_200_999))
        let body = QueryService.iam.body(of: "GetRole", GetRoleResponse(role: role), requestID: "id")
        #expect(
            body == """
                <GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role><Path>/</Path>\
                <RoleName>r</RoleName><CreateDate>2024-01-01T00:00:00Z</CreateDate></Role></GetRoleResult>\
                <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetRoleResponse>
                """
        )
        #expect(
            QueryService.iam.body(of: "DeleteRole", nil, requestID: "id") == """
                <DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata>\
                <RequestId>id</RequestId></ResponseMetadata></DeleteRoleResponse>
                """
        )
    }

    @Test func errorHasTheFormOfTheService() {
        #expect(
            QueryService.sts.body(of: .roleNotFound("<&>"), requestID: "id") == """
                <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>\
                <Code>NoSuchEntity</Code><Message>The role with name &lt;&amp;&gt; cannot be found.</Message></Error>\
                <RequestId>id</RequestId></ErrorResponse>
                """
        )
    }

    @Test func listsAreOfMembersAndWhatIsNilIsLeftOut() {
        let response = ListRolePoliciesResponse(policyNames: ["a", "b"], isTruncated: false)
        let text = XMLWriter.string { response.encode(to: &$0) }
        #expect(
            text == """
                <PolicyNames><member>a</member><member>b</member></PolicyNames><IsTruncated>false</IsTruncated>
                """
        )
        #expect(
            XMLWriter.string { ListRolePoliciesResponse(policyNames: []).encode(to: &$0) }
                == "<PolicyNames></PolicyNames>"
        )
    }

    @Test func whatXMLCannotHoldIsReplaced() {
        #expect(
            XMLWriter.string { $0.element("a", text: "\"ü\"\r\n\t\u{0}\u{FFFF}🙂") }
                == "<a>&quot;ü&quot;&#13;&#10;&#9;\u{FFFD}\u{FFFD}🙂</a>"
        )
    }

    @Test func serviceIsFoundByItsVersion() {
        #expect(QueryService(version: "2010-05-08") == .iam)
        #expect(QueryService(version: "2011-06-15") == .sts)
        #expect(QueryService(version: "2015-03-31") == nil)
    }
}
