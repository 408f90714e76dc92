import IdentityAPI
import Testing

@Suite struct RolePolicyTests {
    private let fixture: IdentityFixture

    init() throws { fixture = try IdentityFixture() }

    @Test func policiesAreAttachedOnceListedAndDetached() async throws {
        await fixture.createRole("r")
        let own = await fixture.createPolicy("p", path: "/own/")
        for arn in [IdentityFixture.basicExecution, own, own, "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"] {
            await fixture.must("AttachRolePolicy", ["RoleName": "r", "PolicyArn": arn])
        }
        let all = await fixture.must("ListAttachedRolePolicies", ["RoleName": "r"])
        #expect(all.texts("PolicyName") == ["p", "AmazonS3ReadOnlyAccess", "AWSLambdaBasicExecutionRole"])
        let ofPath = await fixture.must("ListAttachedRolePolicies", ["RoleName": "r", "PathPrefix": "/own/"])
        #expect(ofPath.texts("PolicyArn") == [own])
        let page = await fixture.must("ListAttachedRolePolicies", ["RoleName": "r", "MaxItems": "2"])
        let rest = await fixture.must(
            "ListAttachedRolePolicies",
            ["RoleName": "r", "MaxItems": "2", "Marker": page.text("Marker") ?? ""]
        )
        #expect(page.texts("PolicyName") + rest.texts("PolicyName") == all.texts("PolicyName"))
        await fixture.must("DetachRolePolicy", ["RoleName": "r", "PolicyArn": own])
        await fixture.refuse(
            404,
            "NoSuchEntity",
            "Policy \(own) was not found.",
            "DetachRolePolicy",
            ["RoleName": "r", "PolicyArn": own]
        )
        await fixture.refuse(
            409,
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
            "DeleteRole",
            ["RoleName": "r"]
        )
    }

    @Test func whatIsNoPolicyIsNotAttached() async throws {
        await fixture.createRole("r")
        for arn in ["arn:aws:iam::000000000000:policy/none", "arn:aws:iam::111111111111:policy/other"] {
            await fixture.refuse(
                404,
                "NoSuchEntity",
                "Policy \(arn) does not exist or is not attachable.",
                "AttachRolePolicy",
                ["RoleName": "r", "PolicyArn": arn]
            )
        }
        let role = "arn:aws:iam::000000000000:role/r"
        for action in ["AttachRolePolicy", "DetachRolePolicy"] {
            await fixture.refuse(
                400,
                "InvalidInput",
                "ARN \(role) is not valid.",
                action,
                ["RoleName": "r", "PolicyArn": role]
            )
        }
        for number in 0..<10 {
            await fixture.must(
                "AttachRolePolicy",
                ["RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/P\(number)"]
            )
        }
        await fixture.refuse(
            409,
            "LimitExceeded",
            "Cannot exceed quota for PoliciesPerRole: 10",
            "AttachRolePolicy",
            ["RoleName": "r", "PolicyArn": IdentityFixture.basicExecution]
        )
    }

    @Test func inlinePoliciesArePutReadAndDeleted() async throws {
        await fixture.createRole("r")
        for name in ["b", "a"] {
            await fixture.must(
                "PutRolePolicy",
                ["RoleName": "r", "PolicyName": name, "PolicyDocument": IdentityFixture.permissions]
            )
        }
        let names = await fixture.must("ListRolePolicies", ["RoleName": "r"])
        #expect(names.texts("member") == ["a", "b"])
        let policy = await fixture.must("GetRolePolicy", ["RoleName": "r", "PolicyName": "a"])
        #expect(policy.text("PolicyDocument") == PolicyText.urlEncoded(IdentityFixture.permissions))
        #expect(policy.text("RoleName") == "r")
        await fixture.refuse(
            409,
            "DeleteConflict",
            "Cannot delete entity, must delete policies first.",
            "DeleteRole",
            ["RoleName": "r"]
        )
        await fixture.must("DeleteRolePolicy", ["RoleName": "r", "PolicyName": "a"])
        for action in ["GetRolePolicy", "DeleteRolePolicy"] {
            await fixture.refuse(
                404,
                "NoSuchEntity",
                "The role policy with name a cannot be found.",
                action,
                ["RoleName": "r", "PolicyName": "a"]
            )
        }
    }

    @Test func inlinePoliciesTogetherAreBounded() async throws {
        await fixture.createRole("r")
        let resource = String(repeating: "x", count: 6000)
        let document = IdentityFixture.permissions.replacing("\"*\"", with: "\"arn:aws:s3:::\(resource)\"")
        await fixture.must("PutRolePolicy", ["RoleName": "r", "PolicyName": "a", "PolicyDocument": document])
        await fixture.must("PutRolePolicy", ["RoleName": "r", "PolicyName": "a", "PolicyDocument": document + "\n"])
        await fixture.refuse(
            409,
            "LimitExceeded",
            "Maximum policy size of 10240 bytes exceeded for role r",
            "PutRolePolicy",
            ["RoleName": "r", "PolicyName": "b", "PolicyDocument": document]
        )
    }
}
