"""Chalice, the framework, deploys functions that are no web applications: with a role of theirs, and nothing else."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from lambda_client import CREDENTIALS, PYTHON, REGION, make_client

#: How long Chalice may take for one command, in seconds; it is there so that a hanging one ends.
COMMAND_SECONDS_MAX = 300

APP = """
import os
from chalice import Chalice
from chalicelib.words import GREETING

app = Chalice(app_name=%r)

@app.lambda_function()
def greet(event, context):
    return {"says": GREETING, "to": event["name"], "stage": os.environ["STAGE"], "memory": context.memory_limit_in_mb}
"""
SECOND = """
@app.lambda_function(name="second")
def another(event, context):
    return event * 2
"""

NOISY = """
@app.lambda_function()
def noisy(event, context):
    print("said", event)
"""
PLACE = """
@app.lambda_function()
def place(event, context):
    import brought
    return brought.PLACE
"""


class Project:
    """A Chalice application in a directory, and its command."""

    def __init__(self, server, directory):
        self.name = f"c{uuid.uuid4().hex[:12]}"
        self.directory = directory
        self._server = server
        self._home = directory.parent
        (directory / ".chalice").mkdir(parents=True)
        (directory / "chalicelib").mkdir()
        (directory / "chalicelib/__init__.py").write_text("")
        (directory / "requirements.txt").write_text("")
        self.configure()
        self.write("hello")

    def configure(self, **settings):
        """Writes the settings of the application."""
        configuration = {
            "version": "2.0", "app_name": self.name, "lambda_memory_size": 256, "lambda_timeout": 30,
            "tags": {"Team": "tests"}, "environment_variables": {"STAGE": "dev"},
            "stages": {"dev": {"api_gateway_stage": "api"}}, **settings,
        }  # fmt: skip
        (self.directory / ".chalice/config.json").write_text(json.dumps(configuration))

    def write(self, greeting, more=""):
        (self.directory / "app.py").write_text(APP % self.name + more)
        (self.directory / "chalicelib/words.py").write_text(f"GREETING = {greeting!r}\n")

    def chalice(self, *arguments, text=""):
        """Runs a command that reads a text, and returns what it printed."""
        done = subprocess.run(
            [str(Path(sys.executable).parent / "chalice"), *arguments], cwd=self.directory, input=text,
            capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self._home), "LANG": "C.UTF-8",
                "AWS_ENDPOINT_URL": self._server.endpoint, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS,
            },
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def function(self, name):
        return f"{self.name}-dev-{name}"


@pytest.fixture
def project(server, tmp_path):
    project = Project(server, tmp_path / "project")
    yield project
    if (project.directory / ".chalice/deployed/dev.json").exists():
        project.chalice("delete")


@pytest.fixture
def iam(server):
    return make_client(server, "iam")


def invoke(client, name, event):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    body = answer["Payload"].read()
    assert "FunctionError" not in answer, body
    return json.loads(body)


def names(client, project):
    pages = client.get_paginator("list_functions").paginate()
    found = [entry["FunctionName"] for page in pages for entry in page["Functions"]]
    return sorted(name for name in found if name.startswith(project.name))


def test_application_is_deployed_changed_and_deleted(project, client, iam):
    greet, second, role = project.function("greet"), project.function("second"), f"{project.name}-dev"
    assert "Lambda ARN" in project.chalice("deploy")
    said = {"says": "hello", "to": "you", "stage": "dev", "memory": "256"}
    assert invoke(client, greet, {"name": "you"}) == said
    function = client.get_function(FunctionName=greet)
    assert function["Configuration"]["Runtime"] == PYTHON
    assert function["Configuration"]["Role"] == iam.get_role(RoleName=role)["Role"]["Arn"]
    assert function["Tags"]["Team"] == "tests"
    assert function["Tags"]["aws-chalice"].endswith(f"stage=dev:app={project.name}")
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == [role]

    shown = project.chalice("invoke", "--name", "greet", text=json.dumps({"name": "me"}))
    assert json.loads(shown) == {**said, "to": "me"}

    project.write("good morning", SECOND)
    project.configure(lambda_memory_size=512, tags={"Team": "others"}, reserved_concurrency=5)
    project.chalice("deploy")
    assert names(client, project) == [greet, second]
    assert invoke(client, greet, {"name": "you"}) == {**said, "says": "good morning", "memory": "512"}
    assert invoke(client, second, 21) == 42
    changed = client.get_function(FunctionName=greet)
    assert changed["Tags"]["Team"] == "others"
    assert changed["Concurrency"] == {"ReservedConcurrentExecutions": 5}

    # A function that the application has no more goes away with the next deployment.
    project.write("good night")
    project.configure(lambda_memory_size=512)
    project.chalice("deploy")
    assert names(client, project) == [greet]
    assert invoke(client, greet, {"name": "you"})["says"] == "good night"
    assert "Concurrency" not in client.get_function(FunctionName=greet)

    project.chalice("delete")
    assert names(client, project) == []
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=role)


def test_logs_of_an_application(project, client):
    project.write("hello", NOISY)
    project.chalice("deploy")
    invoke(client, project.function("noisy"), "this")
    assert "said this" in project.chalice("logs", "--name", "noisy", "--include-lambda-messages")


def test_layer_of_an_application(project, client):
    # What an application brings along goes to a layer.
    (project.directory / "vendor").mkdir()
    (project.directory / "vendor/brought.py").write_text("PLACE = __file__\n")
    project.write("hello", PLACE)
    project.configure(automatic_layer=True)
    project.chalice("deploy")
    configuration = client.get_function_configuration(FunctionName=project.function("greet"))
    (layer,) = configuration["Layers"]
    assert project.name in layer["Arn"]
    assert invoke(client, project.function("greet"), {"name": "you"})["says"] == "hello"
    assert invoke(client, project.function("place"), None).startswith("/opt/python/")
    project.chalice("delete")
    pages = client.get_paginator("list_layers").paginate()
    layers = [entry["LayerName"] for page in pages for entry in page["Layers"]]
    assert not any(name.startswith(project.name) for name in layers)
