"""Terraform with its provider for AWS: everything of a function is created, changed and destroyed again.

The provider comes from a mirror on this host, since tests reach no network. `SWIFTLET_TERRAFORM_MIRROR` says where
it is.
"""

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from lambda_client import ACCOUNT, PYTHON, make_client
from packages import package

CONFIGURATION = Path(__file__).parent / "terraform"
MIRROR = Path(os.environ.get("SWIFTLET_TERRAFORM_MIRROR", "/opt/tf-plugins"))
PROVIDER = MIRROR / "registry.terraform.io/hashicorp/aws"
#: How long Terraform may take for one command, in seconds; it is there so that a hanging one ends.
COMMAND_SECONDS_MAX = 300

SOURCE = """
import os
def handler(event, context):
    seen = {
        "code": %d, "greeting": os.environ["GREETING"], "layer": open("/opt/text").read(),
        "memory": context.memory_limit_in_mb, "version": context.function_version,
    }
    return {**seen, "path": event["rawPath"]} if "rawPath" in event else seen"""

# One worker, so that there is one `init`.
pytestmark = [
    pytest.mark.xdist_group("terraform"),
    pytest.mark.skipif(shutil.which("terraform") is None, reason="Terraform is not installed"),
    pytest.mark.skipif(
        not PROVIDER.is_dir(), reason=f"there is no mirror with the provider hashicorp/aws at {MIRROR}"
    ),
]


class Terraform:
    """Runs Terraform in one directory."""

    def __init__(self, directory):
        self.directory = directory
        settings = directory / "settings.tfrc"
        settings.write_text(
            f"""
            disable_checkpoint = true
            provider_installation {{
              filesystem_mirror {{ path = {json.dumps(str(MIRROR))} }}
            }}
            """
        )
        shutil.copy(CONFIGURATION / "main.tf", directory)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(directory), "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1",
            # No credentials, settings and metadata of this host.
            "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        self.run("init")

    def run(self, *arguments, status=0, **variables):
        """Runs one command, and returns what it printed; fails unless it ends with a status."""
        command = ["terraform", arguments[0], "-no-color", *arguments[1:]]
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX,
            env={**self.environment, **{f"TF_VAR_{name}": str(value) for name, value in variables.items()}},
        )  # fmt: skip
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


class Stack:
    """What one configuration makes at a server."""

    def __init__(self, terraform, server, directory):
        self.terraform = terraform
        self.name = f"tf-{uuid.uuid4().hex[:12]}"
        self._directory = directory
        self.state = directory / "state.json"
        self.variables = {"endpoint": server.endpoint, "name": self.name, "runtime": PYTHON}
        self.write("package", {"app.py": SOURCE % 1})
        self.write("layer_package", {"text": "from a layer"})

    def write(self, variable, files):
        """Makes a package that the configuration knows by a variable."""
        path = self._directory / f"{variable}-{uuid.uuid4().hex[:8]}.zip"
        path.write_bytes(package(files))
        self.variables[variable] = path

    def run(self, *command, status=0):
        """Runs a command and lets it work on the stack."""
        self.terraform.run(command[0], f"-state={self.state}", *command[1:], status=status, **self.variables)

    def apply(self, *targets):
        self.run("apply", "-auto-approve", "-backup=-", *(f"-target={target}" for target in targets))

    def plan(self, status):
        """Fails, and shows the plan, unless it ends with a status: 0 for no changes, 2 for some."""
        self.run("plan", "-detailed-exitcode", "-lock=false", status=status)

    def destroy(self):
        self.run("destroy", "-auto-approve", "-backup=-")

    def output(self):
        return {name: entry["value"] for name, entry in self._kept()["outputs"].items()}

    def resources(self):
        """The attributes of what Terraform has made."""
        return {
            f"{entry['type']}.{entry['name']}": entry["instances"][0]["attributes"]
            for entry in self._kept()["resources"]
            if entry["mode"] == "managed"
        }

    def _kept(self):
        return json.loads(self.state.read_text())


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    return Terraform(tmp_path_factory.mktemp("terraform"))


@pytest.fixture
def stack(terraform, server, tmp_path):
    stack = Stack(terraform, server, tmp_path)
    yield stack
    stack.destroy()


@pytest.fixture
def iam(server):
    return make_client(server, "iam")


@pytest.fixture
def logs(server):
    return make_client(server, "logs")


def invoke(client, name, **parameters):
    answer = client.invoke(FunctionName=name, Payload=b"{}", **parameters)
    body = answer["Payload"].read()
    assert "FunctionError" not in answer, body
    return json.loads(body)


def through_url(server, url, path):
    """Asks a function URL; its name is one that only some resolvers know."""
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(
        f"{server.endpoint}{path}", headers={"Host": parts.netloc, "Origin": "https://example.com"}
    )
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read()), response.headers


def test_everything_is_created_and_nothing_drifts(stack, server, client, iam, logs):
    stack.apply()
    output = stack.output()
    expected = {"code": 1, "greeting": "hello", "layer": "from a layer", "memory": "256", "version": "1"}
    assert (output["version"], output["seen_version"]) == ("1", "1")
    assert invoke(client, stack.name) == {**expected, "version": "$LATEST"}
    assert invoke(client, stack.name, Qualifier="live") == expected
    answer, headers = through_url(server, output["url"], "/a/path")
    assert answer == {**expected, "version": "$LATEST", "path": "/a/path"}
    assert headers["Access-Control-Allow-Origin"] == "https://example.com"

    configuration = client.get_function(FunctionName=stack.name)
    assert configuration["Tags"] == {"Team": "tests", "Stage": "one"}
    assert configuration["Configuration"]["Role"] == iam.get_role(RoleName=stack.name)["Role"]["Arn"]
    assert configuration["Configuration"]["EphemeralStorage"] == {"Size": 600}
    attached = iam.list_attached_role_policies(RoleName=stack.name)["AttachedPolicies"]
    assert sorted(policy["PolicyName"] for policy in attached) == sorted([stack.name, "AWSLambdaBasicExecutionRole"])
    assert iam.list_role_policies(RoleName=stack.name)["PolicyNames"] == ["read"]
    invoke_config = client.get_function_event_invoke_config(FunctionName=stack.name)
    assert (invoke_config["MaximumEventAgeInSeconds"], invoke_config["MaximumRetryAttempts"]) == (120, 1)
    provisioned = client.get_provisioned_concurrency_config(FunctionName=stack.name, Qualifier="live")
    assert (provisioned["Status"], provisioned["AllocatedProvisionedConcurrentExecutions"]) == ("READY", 1)
    url = client.get_function_url_config(FunctionName=stack.name)
    assert url["Cors"]["ExposeHeaders"] == ["x-three"]
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{stack.name}")["logGroups"]
    assert group["retentionInDays"] == 7

    stack.plan(status=0)


def test_change_of_code_memory_and_alias(stack, server, client):
    stack.apply()
    stack.write("package", {"app.py": SOURCE % 2})
    # The alias goes to the new version, and leaves a tenth to the one before.
    stack.variables.update(memory=512, canary_version="1")
    stack.apply()
    changed = {"code": 2, "greeting": "hello", "layer": "from a layer", "memory": "512"}
    assert stack.output()["version"] == "2"
    assert invoke(client, stack.name) == {**changed, "version": "$LATEST"}
    assert invoke(client, stack.name, Qualifier="2") == {**changed, "version": "2"}
    assert invoke(client, stack.name, Qualifier="1")["code"] == 1
    alias = client.get_alias(FunctionName=stack.name, Name="live")
    assert alias["FunctionVersion"] == "2"
    assert alias["RoutingConfig"] == {"AdditionalVersionWeights": {"1": 0.1}}
    assert invoke(client, stack.name, Qualifier="live")["code"] in (1, 2)
    assert through_url(server, stack.output()["url"], "/")[0]["code"] == 2
    stack.plan(status=0)

    # Another layer's content makes another version of it, and the one before goes away.
    stack.write("layer_package", {"text": "from another layer"})
    stack.variables["canary_version"] = "2"
    stack.apply()
    assert invoke(client, stack.name, Qualifier="3")["layer"] == "from another layer"
    assert client.list_layer_versions(LayerName=stack.name)["LayerVersions"][0]["Version"] == 2
    assert len(client.list_layer_versions(LayerName=stack.name)["LayerVersions"]) == 1
    stack.plan(status=0)

    # And no routing at all.
    del stack.variables["canary_version"]
    stack.apply()
    assert "RoutingConfig" not in client.get_alias(FunctionName=stack.name, Name="live")
    assert invoke(client, stack.name, Qualifier="live")["version"] == "3"
    stack.plan(status=0)


def test_what_was_changed_elsewhere_is_put_right(stack, client):
    stack.apply()
    client.update_function_configuration(
        FunctionName=stack.name, Description="not Terraform's", Environment={"Variables": {"GREETING": "bye"}}
    )
    client.get_waiter("function_updated_v2").wait(FunctionName=stack.name, WaiterConfig={"Delay": 1})
    client.delete_function_url_config(FunctionName=stack.name)
    client.remove_permission(FunctionName=stack.name, StatementId="AllowEvents", Qualifier="live")
    stack.plan(status=2)
    stack.apply()
    assert invoke(client, stack.name)["greeting"] == "hello"
    assert client.get_function_url_config(FunctionName=stack.name)["AuthType"] == "NONE"
    stack.plan(status=0)


def listed(client, operation, key, member, **parameters):
    pages = client.get_paginator(operation).paginate(**parameters)
    return [entry[member] for page in pages for entry in page[key]]


def test_destroy_leaves_nothing(stack, client, iam):
    # As it is done with AWS itself.
    stack.variables["ask_who_i_am"] = "true"
    stack.apply()
    assert stack.output()["account"] == ACCOUNT
    assert invoke(client, stack.name, Qualifier="live")["code"] == 1
    stack.plan(status=0)
    assert len(stack.resources()) == 15
    stack.destroy()
    assert stack.resources() == {}
    assert stack.name not in listed(client, "list_functions", "Functions", "FunctionName")
    for operation in (client.list_versions_by_function, client.list_aliases, client.list_function_url_configs):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            operation(FunctionName=stack.name)
    assert client.list_layer_versions(LayerName=stack.name)["LayerVersions"] == []
    assert stack.name not in listed(client, "list_layers", "Layers", "LayerName")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=stack.name)
    assert stack.name not in listed(iam, "list_policies", "Policies", "PolicyName", Scope="Local")


def test_existing_resources_are_imported(stack, tmp_path):
    stack.apply()
    made, stack.state = stack.resources(), tmp_path / "imported.json"
    for address, identifier in [
        ("aws_iam_role.function", stack.name),
        ("aws_lambda_function.function", stack.name),
        ("aws_lambda_alias.live", f"{stack.name}/live"),
        ("aws_lambda_permission.events", f"{stack.name}:live/AllowEvents"),
    ]:
        stack.run("import", "-backup=-", address, identifier)
    imported = stack.resources()
    assert len(imported) == 4
    for address, known in [
        ("aws_iam_role.function", {"arn", "assume_role_policy", "description", "tags", "unique_id"}),
        ("aws_lambda_function.function", {"arn", "code_sha256", "environment", "layers", "role", "tags", "timeout"}),
        ("aws_lambda_alias.live", {"arn", "description", "function_version", "routing_config"}),
        ("aws_lambda_permission.events", {"action", "principal", "source_arn"}),
    ]:
        for name in known:
            assert imported[address][name] == made[address][name], (address, name)
    # What is destroyed is what was made.
    stack.state = tmp_path / "state.json"
