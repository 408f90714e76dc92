"""The AWS CLI finds every operation: it sends a request, and gets an answer of Lambda's and never of a stranger."""

import gc
import json
import re

import pytest
from awscli.clidriver import create_clidriver
from botocore import xform_name
from lambda_client import CREDENTIALS, REGION
from model_violations import valid
from service_model import swiftlets_model

#: What the CLI leaves to the SDKs: it has no way to show a stream of events.
LEFT_TO_SDKS = {"InvokeWithResponseStream"}
#: An error as the CLI prints it: its code, and the operation.
ERROR = re.compile(r"An error occurred \((?P<code>\w+)\)[^:]* when calling the (?P<operation>\w+) operation")
OPERATIONS = [one for one in swiftlets_model().operations if one.name not in LEFT_TO_SDKS]


@pytest.fixture
def aws_in_process(server, tmp_path, monkeypatch, capsys):
    """Runs the AWS CLI without a process for each call; returns its exit code and what it has printed."""
    for name, value in {
        **CREDENTIALS, "HOME": str(tmp_path), "AWS_ENDPOINT_URL": server.endpoint, "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = create_clidriver().main(["lambda", *arguments, "--output", "json"])
        printed = capsys.readouterr()
        # The CLI leaves the file of its own `--invoke-args` open; nobody's later test is to hear of it.
        gc.collect()
        return code, printed.out, printed.err

    return run


def as_json(value):
    """A request as the CLI reads it from a file."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {name: as_json(member) for name, member in value.items()}
    return [as_json(one) for one in value] if isinstance(value, list) else value


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_operation_is_found(aws_in_process, tmp_path, operation):
    request = tmp_path / "request.json"
    request.write_text(json.dumps(as_json(valid(operation.input))))
    arguments = [xform_name(operation.name, "-"), "--cli-input-json", f"file://{request}"]
    # The CLI writes what these answer to a file, and wants the rest said on its command line.
    if operation.name == "Invoke":
        arguments = ["invoke", "--function-name", "missing", str(tmp_path / "answer")]
    elif operation.name == "InvokeAsync":
        arguments = ["invoke-async", "--function-name", "missing", "--invoke-args", str(request)]
    code, printed, complaint = aws_in_process(*arguments)
    if code == 0:
        assert printed.strip() == "" or isinstance(json.loads(printed), dict)
        return
    error = ERROR.search(complaint)
    assert error, complaint
    assert error["operation"] == operation.name
    assert error["code"] not in ("NotImplementedException", "UnknownOperationException", "ServiceException")
    assert error["code"] not in ("ValidationException", "SerializationException"), complaint
