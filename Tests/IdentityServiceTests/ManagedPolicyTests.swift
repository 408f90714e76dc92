import IdentityAPI
import Testing

@Suite struct ManagedPolicyTests {
    private let fixture: IdentityFixture

    init() throws { fixture = try IdentityFixture() }

    @Test func policyIsShownAsItWasCreated() async throws {
        let created = await fixture.must(
            "CreatePolicy",
            [
                "PolicyName": "p", "Path": "/a/", "PolicyDocument": IdentityFixture.permissions, "Description": "d",
                "Tags.member.1.Key": "k", "Tags.member.1.Value": "v",
            ]
        )
        let arn = "arn:aws:iam::000000000000:policy/a/p"
        #expect(created.text("Arn") == arn)
        #expect(created.text("PolicyId")?.wholeMatch(of: /ANPA[A-Z0-9]{17}/) != nil)
        #expect(created.text("DefaultVersionId") == "v1")
        let shown = await fixture.must("GetPolicy", ["PolicyArn": arn])
        #expect(shown.text("PolicyId") == created.text("PolicyId"))
        #expect(shown.text("Description") == "d")
        #expect(shown.text("AttachmentCount") == "0")
        #expect(shown.text("IsAttachable") == "true")
        #expect(shown.text("Key") == "k")
        await fixture.refuse(
            409,
            "EntityAlreadyExists",
            "A policy called p already exists. Duplicate names are not allowed.",
            "CreatePolicy",
            ["PolicyName": "p", "PolicyDocument": IdentityFixture.permissions]
        )
        for other in ["arn:aws:iam::000000000000:policy/p", "arn:aws:iam::111111111111:policy/a/p"] {
            await fixture.refuse(
                404,
                "NoSuchEntity",
                "Policy \(other) was not found.",
                "GetPolicy",
                ["PolicyArn": other]
            )
        }
    }

    @Test func versionsAreAtMostFiveAndTheDefaultStays() async throws {
        let arn = await fixture.createPolicy("p")
        fixture.advance(milliseconds: 60_000)
        let document = IdentityFixture.permissions.replacing("Get", with: "Put")
        let second = await fixture.must(
            "CreatePolicyVersion",
            ["PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": "true"]
        )
        #expect(second.text("VersionId") == "v2")
        #expect(second.text("IsDefaultVersion") == "true")
        let policy = await fixture.must("GetPolicy", ["PolicyArn": arn])
        #expect(policy.text("DefaultVersionId") == "v2")
        #expect(policy.text("CreateDate") == "2026-05-28T20:26:40Z")
        #expect(policy.text("UpdateDate") == "2026-05-28T20:27:40Z")
        for _ in 3...5 {
            await fixture.must("CreatePolicyVersion", ["PolicyArn": arn, "PolicyDocument": document])
        }
        await fixture.refuse(
            409,
            "LimitExceeded",
            "A managed policy can have up to 5 versions. Before you create a new version, "
                + "you must delete an existing version.",
            "CreatePolicyVersion",
            ["PolicyArn": arn, "PolicyDocument": document]
        )
        await fixture.refuse(
            409,
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
            "DeletePolicyVersion",
            ["PolicyArn": arn, "VersionId": "v2"]
        )
        await fixture.must("DeletePolicyVersion", ["PolicyArn": arn, "VersionId": "v5"])
        let sixth = await fixture.must("CreatePolicyVersion", ["PolicyArn": arn, "PolicyDocument": document])
        #expect(sixth.text("VersionId") == "v6")
        let page = await fixture.must("ListPolicyVersions", ["PolicyArn": arn, "MaxItems": "2"])
        #expect(page.texts("VersionId") == ["v6", "v4"])
        let rest = await fixture.must("ListPolicyVersions", ["PolicyArn": arn, "Marker": page.text("Marker") ?? ""])
        #expect(rest.texts("VersionId") == ["v3", "v2", "v1"])
        #expect(rest.text("Document") == nil)
        let first = await fixture.must("GetPolicyVersion", ["PolicyArn": arn, "VersionId": "v1"])
        #expect(first.text("Document") == PolicyText.urlEncoded(IdentityFixture.permissions))
        #expect(first.text("IsDefaultVersion") == "false")
        await fixture.must("SetDefaultPolicyVersion", ["PolicyArn": arn, "VersionId": "v1"])
        #expect(await fixture.must("GetPolicy", ["PolicyArn": arn]).text("DefaultVersionId") == "v1")
        await fixture.refuse(
            404,
            "NoSuchEntity",
            "Policy \(arn) version v9 does not exist or is not attachable.",
            "GetPolicyVersion",
            ["PolicyArn": arn, "VersionId": "v9"]
        )
    }

    @Test func policyIsDeletedWhenNobodyUsesItAndOneVersionIsLeft() async throws {
        let arn = await fixture.createPolicy("p")
        await fixture.createRole("r")
        await fixture.must("AttachRolePolicy", ["RoleName": "r", "PolicyArn": arn])
        await fixture.must("CreatePolicyVersion", ["PolicyArn": arn, "PolicyDocument": IdentityFixture.permissions])
        await fixture.refuse(
            409,
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
            "DeletePolicy",
            ["PolicyArn": arn]
        )
        await fixture.must("DetachRolePolicy", ["RoleName": "r", "PolicyArn": arn])
        await fixture.refuse(
            409,
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
                + "The default version is deleted with the policy.",
            "DeletePolicy",
            ["PolicyArn": arn]
        )
        await fixture.must("DeletePolicyVersion", ["PolicyArn": arn, "VersionId": "v2"])
        await fixture.must("DeletePolicy", ["PolicyArn": arn])
        await fixture.refuse(404, "NoSuchEntity", "Policy \(arn) was not found.", "DeletePolicy", ["PolicyArn": arn])
    }

    @Test func policiesOfAWSAreShownAndCannotBeChanged() async throws {
        let arn = IdentityFixture.basicExecution
        await fixture.createRole("r")
        await fixture.must("AttachRolePolicy", ["RoleName": "r", "PolicyArn": arn])
        let policy = await fixture.must("GetPolicy", ["PolicyArn": arn])
        #expect(policy.text("PolicyName") == "AWSLambdaBasicExecutionRole")
        #expect(policy.text("Path") == "/service-role/")
        #expect(policy.text("AttachmentCount") == "1")
        #expect(policy.text("PolicyId")?.wholeMatch(of: /ANPA[A-Z0-9]{17}/) != nil)
        let version = await fixture.must("GetPolicyVersion", ["PolicyArn": arn, "VersionId": "v1"])
        #expect(version.text("Document")?.contains("logs%3APutLogEvents") == true)
        #expect(await fixture.must("ListPolicyVersions", ["PolicyArn": arn]).texts("VersionId") == ["v1"])
        for action in ["DeletePolicy", "TagPolicy"] {
            await fixture.refuse(
                403,
                "AccessDenied",
                "Policy \(arn) is managed by AWS and cannot be changed.",
                action,
                ["PolicyArn": arn, "Tags.member.1.Key": "k", "Tags.member.1.Value": "v"]
            )
        }
    }

    @Test func policiesAreListedByScopeAndUse() async throws {
        let own = await fixture.createPolicy("p", path: "/own/")
        _ = await fixture.createPolicy("q")
        await fixture.createRole("r", path: "/x/")
        await fixture.must("AttachRolePolicy", ["RoleName": "r", "PolicyArn": own])
        await fixture.must("AttachRolePolicy", ["RoleName": "r", "PolicyArn": IdentityFixture.basicExecution])
        #expect(await fixture.must("ListPolicies", ["Scope": "Local"]).texts("PolicyName") == ["p", "q"].sorted())
        let attached = await fixture.must("ListPolicies", ["OnlyAttached": "true"])
        #expect(attached.texts("Arn") == [own, IdentityFixture.basicExecution])
        let ofPath = await fixture.must("ListPolicies", ["PathPrefix": "/own/"])
        #expect(ofPath.texts("PolicyName") == ["p"])
        let ofAWS = await fixture.must("ListPolicies", ["Scope": "AWS", "MaxItems": "1"])
        #expect(ofAWS.texts("PolicyName").count == 1)
        #expect(ofAWS.text("IsTruncated") == "true")
        let entities = await fixture.must("ListEntitiesForPolicy", ["PolicyArn": own])
        #expect(entities.texts("RoleName") == ["r"])
        #expect(entities.body.contains("<PolicyUsers></PolicyUsers>"))
        for (name, value) in [
            ("EntityFilter", "User"), ("PathPrefix", "/y/"), ("PolicyUsageFilter", "PermissionsBoundary"),
        ] {
            let none = await fixture.must("ListEntitiesForPolicy", ["PolicyArn": own, name: value])
            #expect(none.texts("RoleName").isEmpty)
        }
        let ofBasic = await fixture.must("ListEntitiesForPolicy", ["PolicyArn": IdentityFixture.basicExecution])
        #expect(ofBasic.texts("RoleName") == ["r"])
    }

    @Test func tagsOfPoliciesAreKept() async throws {
        let arn = await fixture.createPolicy("p")
        await fixture.must("TagPolicy", ["PolicyArn": arn, "Tags.member.1.Key": "k", "Tags.member.1.Value": "v"])
        #expect(await fixture.must("ListPolicyTags", ["PolicyArn": arn]).texts("Value") == ["v"])
        await fixture.must("UntagPolicy", ["PolicyArn": arn, "TagKeys.member.1": "k"])
        #expect(await fixture.must("ListPolicyTags", ["PolicyArn": arn]).texts("Value").isEmpty)
    }
}
