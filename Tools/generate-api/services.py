"""The services whose APIs are generated: where each model is, and where its Swift goes."""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = ROOT / "Sources"
#: What each operation does, for users.
OPERATIONS_PAGE = ROOT / "docs" / "api.md"


class Service:
    def __init__(self, name, version, target, operations=None):
        self.name = name
        self.version = version
        self.model = HERE / f"{name}-{version}.json"
        self.target = target
        self.output = SOURCES / target / "Generated"
        #: The operations of the model that are kept; None keeps all.
        self.operations = operations


LAMBDA = Service("lambda", "2015-03-31", "LambdaAPI")
LOGS = Service(
    "logs",
    "2014-03-28",
    "LogsAPI",
    operations=[
        "CreateLogGroup", "CreateLogStream", "DeleteLogGroup", "DeleteLogStream", "DeleteRetentionPolicy",
        "DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents", "ListTagsForResource",
        "PutLogEvents", "PutRetentionPolicy", "TagResource", "UntagResource",
    ],
)
#: What deployment tools do before they create a function.
IAM = Service(
    "iam",
    "2010-05-08",
    "IdentityAPI",
    operations=[
        "AttachRolePolicy", "CreatePolicy", "CreatePolicyVersion", "CreateRole", "DeletePolicy", "DeletePolicyVersion",
        "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DetachRolePolicy", "GetPolicy",
        "GetPolicyVersion", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListEntitiesForPolicy",
        "ListInstanceProfilesForRole", "ListPolicies", "ListPolicyTags", "ListPolicyVersions", "ListRolePolicies",
        "ListRoles", "ListRoleTags", "PutRolePermissionsBoundary", "PutRolePolicy", "SetDefaultPolicyVersion",
        "TagPolicy", "TagRole", "UntagPolicy", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole",
        "UpdateRoleDescription",
    ],
)
SERVICES = [LAMBDA, LOGS, IAM]
