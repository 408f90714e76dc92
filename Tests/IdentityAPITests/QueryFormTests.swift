import LambdaAPI
import Testing

@testable import IdentityAPI

@Suite struct QueryFormTests {
    private func form(_ text: String) throws -> QueryForm {
        QueryForm(try QueryForm.pairs(urlEncoded: text))
    }

    private func error<Request: OperationRequest>(_ type: Request.Type, _ text: String) throws -> IdentityError? {
        let form = try form(text)
        return #expect(throws: IdentityError.self) { try form.read(type) }
    }

    @Test func textIsTakenApartAndDecoded() throws {
        let pairs = try QueryForm.pairs(urlEncoded: "Action=GetRole&a+b=c%2Bd+%C3%BC&empty=&alone&&x=1=2")
        #expect(pairs.map(\.0) == ["Action", "a b", "empty", "alone", "x"])
        #expect(pairs.map(\.1) == ["GetRole", "c+d ü", "", "", "1=2"])
    }

    @Test(arguments: ["a=%4", "%zz=1", "a=%FF"])
    func textThatCannotBeDecodedIsRefused(_ text: String) {
        let error = #expect(throws: IdentityError.self) { try QueryForm.pairs(urlEncoded: text) }
        #expect(error?.code == .malformedQueryString)
    }

    @Test func requestHasItsTypes() throws {
        let request = try form(
            "Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=%7B%0D%0A%7D&MaxSessionDuration=7200"
                + "&Tags.member.2.Key=b&Tags.member.2.Value=&Tags.member.10.Key=c&Tags.member.10.Value=3"
                + "&Tags.member.1.Key=a&Tags.member.1.Value=1&Unknown=1"
        ).read(CreateRoleRequest.self)
        #expect(request.roleName == "r")
        #expect(request.assumeRolePolicyDocument == "{\r\n}")
        #expect(request.maxSessionDuration == 7200)
        #expect(request.path == nil)
        #expect(request.tags?.map(\.key) == ["a", "b", "c"])
        #expect(request.tags?.map(\.value) == ["1", "", "3"])
        let keys = try form("RoleName=r&TagKeys.member.1=a&TagKeys.member.2=b").read(UntagRoleRequest.self).tagKeys
        #expect(keys == ["a", "b"])
        #expect(try form("RoleName=r&TagKeys=").read(UntagRoleRequest.self).tagKeys == [])
        #expect(try form("OnlyAttached=true&Scope=Local").read(ListPoliciesRequest.self).onlyAttached == true)
    }

    @Test func brokenConstraintsAreToldTogether() throws {
        #expect(
            try error(GetRoleRequest.self, "")
                == IdentityError(
                    .validationError,
                    "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: "
                        + "Member must not be null"
                )
        )
        let long = String(repeating: "r", count: 65)
        #expect(
            try error(ListRoleTagsRequest.self, "RoleName=\(long)&MaxItems=1001")
                == IdentityError(
                    .validationError,
                    "2 validation errors detected: Value '\(long)' at 'roleName' failed to satisfy constraint: "
                        + "Member must have length less than or equal to 64; "
                        + "Value '1001' at 'maxItems' failed to satisfy constraint: "
                        + "Member must have value less than or equal to 1000"
                )
        )
        let key = String(repeating: "k", count: 129)
        let tag = try error(TagRoleRequest.self, "RoleName=r&Tags.member.1.Key=\(key)&Tags.member.1.Value=v")
        #expect(tag?.message.contains("at 'tags.1.member.key' failed to satisfy constraint") == true)
        let valueless = try error(TagRoleRequest.self, "RoleName=r&Tags.member.1.Key=k")
        #expect(valueless?.message.contains("Value null at 'tags.1.member.value'") == true)
    }

    @Test(arguments: [
        ("RoleName=a/b&AssumeRolePolicyDocument=x", "roleName"),
        ("RoleName=%C3%BC&AssumeRolePolicyDocument=x", "roleName"),
        ("RoleName=r&AssumeRolePolicyDocument=x&Path=a", "path"),
        ("RoleName=r&AssumeRolePolicyDocument=x&Path=/a", "path"),
    ])
    func namesAndPathsAreRefusedInWordsOfTheirOwn(_ text: String, _ name: String) throws {
        let error = try error(CreateRoleRequest.self, text)
        #expect(error?.code == .validationError)
        #expect(error?.message.hasPrefix("The specified value for \(name) is invalid. It must ") == true)
    }

    @Test func wrongTypeIsMalformed() throws {
        let error = try error(ListRolesRequest.self, "MaxItems=many")
        #expect(error?.code == .malformedInput)
    }

    @Test func everyPatternOfTheModelCanBeRead() throws {
        // A form that is right in all of them; a pattern that cannot be read matches nothing.
        _ = try form("RoleName=a%2B%3D,.@-_1&PolicyName=p&PolicyDocument=%09%0A%0D+%C3%BF").read(
            PutRolePolicyRequest.self
        )
        _ = try form("PathPrefix=/a&Marker=a+b").read(ListRolesRequest.self)
        _ = try form("PolicyName=p&Path=/a/b/&PolicyDocument=x").read(CreatePolicyRequest.self)
        _ = try form("RoleName=r&Description=a%0D%0A%C3%BF").read(UpdateRoleDescriptionRequest.self)
        _ = try form("PolicyArn=arn:aws:iam::aws:policy/p&VersionId=v12").read(GetPolicyVersionRequest.self)
        _ = try form("RoleName=r&Tags.member.1.Key=%C3%BC+_.:/%3D%2B-@&Tags.member.1.Value=").read(TagRoleRequest.self)
    }
}
