import IdentityAPI
import IdentityService
import MetadataStore
import Testing

@Suite struct RoleTests {
    private let fixture: IdentityFixture

    init() throws { fixture = try IdentityFixture() }

    @Test func roleIsShownAsItWasCreated() async throws {
        let created = await fixture.must(
            "CreateRole",
            [
                "RoleName": "worker", "Path": "/service-role/", "AssumeRolePolicyDocument": IdentityFixture.trust,
                "Description": "two <words>", "MaxSessionDuration": "7200",
                "Tags.member.1.Key": "team", "Tags.member.1.Value": "a",
            ]
        )
        let id = try #require(created.text("RoleId"))
        #expect(id.wholeMatch(of: /AROA[A-Z0-9]{17}/) != nil)
        #expect(created.text("Arn") == "arn:aws:iam::000000000000:role/service-role/worker")
        #expect(created.text("CreateDate") == "2026-05-28T20:26:40Z")
        let shown = await fixture.must("GetRole", ["RoleName": "worker"])
        for name in ["RoleId", "Arn", "Path", "CreateDate", "AssumeRolePolicyDocument", "Description"] {
            #expect(shown.text(name) == created.text(name), "\(name)")
        }
        #expect(shown.text("Description") == "two &lt;words&gt;")
        #expect(shown.text("MaxSessionDuration") == "7200")
        #expect(shown.text("AssumeRolePolicyDocument")?.hasPrefix("%7B%22Version%22%3A%222012-10-17%22%2C") == true)
        #expect(shown.body.contains("<Tags><member><Key>team</Key><Value>a</Value></member></Tags>"))
        #expect(shown.body.contains("<RoleLastUsed></RoleLastUsed>"))
        let listed = await fixture.must("ListRoles")
        #expect(listed.texts("RoleName") == ["worker"])
        #expect(listed.text("Tags") == nil)
    }

    @Test func roleIsThereOnceAndGoesWhenItIsDeleted() async throws {
        await fixture.createRole("r")
        await fixture.refuse(
            409,
            "EntityAlreadyExists",
            "Role with name R already exists.",
            "CreateRole",
            ["RoleName": "R", "AssumeRolePolicyDocument": IdentityFixture.trust]
        )
        let first = await fixture.ask("GetRole", ["RoleName": "r"]).text("RoleId")
        await fixture.must("DeleteRole", ["RoleName": "r"])
        for action in [
            "GetRole", "DeleteRole", "ListRoleTags", "ListRolePolicies", "ListAttachedRolePolicies", "UpdateRole",
            "ListInstanceProfilesForRole",
        ] {
            await fixture.refuse(
                404,
                "NoSuchEntity",
                "The role with name r cannot be found.",
                action,
                ["RoleName": "r"]
            )
        }
        await fixture.createRole("r")
        #expect(await fixture.ask("GetRole", ["RoleName": "r"]).text("RoleId") != first)
    }

    @Test func updatesChangeWhatTheyName() async throws {
        await fixture.createRole("r")
        await fixture.must("UpdateRole", ["RoleName": "r", "Description": "d", "MaxSessionDuration": "4000"])
        var shown = await fixture.must("GetRole", ["RoleName": "r"])
        #expect(shown.text("Description") == "d")
        #expect(shown.text("MaxSessionDuration") == "4000")
        await fixture.must("UpdateRoleDescription", ["RoleName": "r", "Description": "e"])
        await fixture.must("UpdateRole", ["RoleName": "r"])
        let open = #"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#
        await fixture.must("UpdateAssumeRolePolicy", ["RoleName": "r", "PolicyDocument": open])
        shown = await fixture.must("GetRole", ["RoleName": "r"])
        #expect(shown.text("Description") == "e")
        #expect(shown.text("MaxSessionDuration") == "3600")
        #expect(shown.text("AssumeRolePolicyDocument") == PolicyText.urlEncoded(open))
        await fixture.refuse(
            400,
            "MalformedPolicyDocument",
            "This policy contains invalid Json",
            "UpdateAssumeRolePolicy",
            ["RoleName": "r", "PolicyDocument": "{"]
        )
        let long = IdentityFixture.trust.replacing(
            "Statement",
            with: #"Id":"\#(String(repeating: "i", count: 2000))","Statement"#
        )
        await fixture.refuse(
            409,
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 2048",
            "UpdateAssumeRolePolicy",
            ["RoleName": "r", "PolicyDocument": long]
        )
    }

    @Test func rolesAreListedInPagesOfAPath() async throws {
        for (name, path) in [("c", "/x/"), ("a", "/x/"), ("b", "/"), ("d", "/x/y/")] {
            await fixture.createRole(name, path: path)
        }
        let first = await fixture.must("ListRoles", ["PathPrefix": "/x/", "MaxItems": "2"])
        #expect(first.texts("RoleName") == ["a", "c"])
        #expect(first.text("IsTruncated") == "true")
        let marker = try #require(first.text("Marker"))
        let second = await fixture.must("ListRoles", ["PathPrefix": "/x/", "MaxItems": "2", "Marker": marker])
        #expect(second.texts("RoleName") == ["d"])
        #expect(second.text("IsTruncated") == "false")
        #expect(second.text("Marker") == nil)
        await fixture.refuse(400, "ValidationError", "Invalid Marker.", "ListRoles", ["Marker": "?"])
    }

    @Test func tagsAreAddedReplacedAndRemovedWithoutRegardToCase() async throws {
        await fixture.createRole("r")
        await fixture.must(
            "TagRole",
            [
                "RoleName": "r", "Tags.member.1.Key": "b", "Tags.member.1.Value": "1",
                "Tags.member.2.Key": "a", "Tags.member.2.Value": "2",
            ]
        )
        await fixture.must("TagRole", ["RoleName": "r", "Tags.member.1.Key": "B", "Tags.member.1.Value": "3"])
        let page = await fixture.must("ListRoleTags", ["RoleName": "r", "MaxItems": "1"])
        #expect(page.texts("Value") == ["3"])
        let rest = await fixture.must("ListRoleTags", ["RoleName": "r", "Marker": page.text("Marker") ?? ""])
        #expect(rest.texts("Value") == ["2"])
        await fixture.must("UntagRole", ["RoleName": "r", "TagKeys.member.1": "b", "TagKeys.member.2": "other"])
        #expect(await fixture.must("ListRoleTags", ["RoleName": "r"]).texts("Key") == ["a"])
        await fixture.refuse(
            400,
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            "TagRole",
            [
                "RoleName": "r", "Tags.member.1.Key": "k", "Tags.member.1.Value": "1",
                "Tags.member.2.Key": "K", "Tags.member.2.Value": "2",
            ]
        )
    }

    @Test func boundaryIsAPolicyThatIsThere() async throws {
        await fixture.createRole("r")
        let own = await fixture.createPolicy("p")
        await fixture.refuse(
            404,
            "NoSuchEntity",
            "Policy \(own)x does not exist or is not attachable.",
            "PutRolePermissionsBoundary",
            ["RoleName": "r", "PermissionsBoundary": own + "x"]
        )
        await fixture.must("PutRolePermissionsBoundary", ["RoleName": "r", "PermissionsBoundary": own])
        #expect(await fixture.must("GetRole", ["RoleName": "r"]).text("PermissionsBoundaryArn") == own)
        #expect(await fixture.must("GetPolicy", ["PolicyArn": own]).text("PermissionsBoundaryUsageCount") == "1")
        await fixture.must("DeleteRolePermissionsBoundary", ["RoleName": "r"])
        #expect(await fixture.must("GetRole", ["RoleName": "r"]).text("PermissionsBoundaryArn") == nil)
    }

    @Test func ofConcurrentChangesNoneIsLost() async throws {
        await fixture.createRole("r")
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<10 {
                group.addTask { [fixture] in
                    await fixture.must(
                        "PutRolePolicy",
                        ["RoleName": "r", "PolicyName": "p\(number)", "PolicyDocument": IdentityFixture.permissions]
                    )
                }
            }
        }
        #expect(await fixture.must("ListRolePolicies", ["RoleName": "r"]).texts("member").count == 10)
    }
}
