"""A thin layer over boto3: functions that are created, invoked and deleted the way that tests want it."""

import base64
import concurrent.futures
import json
import subprocess

import boto3
import botocore.config
import botocore.exceptions
from packages import package
from swiftlet_server import SANDBOX

ROLE = "arn:aws:iam::000000000000:role/test"
ACCOUNT = "000000000000"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}


def _version(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


#: The runtimes of a Debian host; images of virtual machines have Debian 12's.
PYTHON = "python" + _version("/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
NODE = (
    "nodejs18.x"
    if SANDBOX == "microvm"
    else "nodejs" + _version("/usr/bin/node", "-p", "process.versions.node.split('.')[0]") + ".x"
)


def function_arn(name, qualifier=None):
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def make_client(server, service="lambda", **config):
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=botocore.config.Config(
            # A retry would hide a failure, and run a function twice.
            retries={"total_max_attempts": 1}, read_timeout=120, max_pool_connections=64,
            # What is invalid is for the server to refuse.
            parameter_validation=config.get("validation", False),
        ),
    )  # fmt: skip


def error_of(call, **parameters):
    """The status, code and message of the error that a call must come back with."""
    try:
        answer = call(**parameters)
    except botocore.exceptions.ClientError as raised:
        response = raised.response
        error = response["Error"]
        return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]
    raise AssertionError(f"no error but {answer}")


class Answer:
    """What an invoke came back with."""

    def __init__(self, response):
        self.status = response["StatusCode"]
        self.error = response.get("FunctionError")
        self.version = response.get("ExecutedVersion")
        self.headers = response["ResponseMetadata"]["HTTPHeaders"]
        self.request_id = response["ResponseMetadata"]["RequestId"]
        self.body = response["Payload"].read()
        self.log = base64.b64decode(response["LogResult"]) if "LogResult" in response else None

    @property
    def payload(self):
        return json.loads(self.body)

    @property
    def error_type(self):
        assert self.error == "Unhandled", self.body
        return self.payload["errorType"]

    @property
    def error_message(self):
        assert self.error == "Unhandled", self.body
        return self.payload["errorMessage"]


class Function:
    """A function that has been created, and is active unless said otherwise."""

    def __init__(self, client, configuration):
        self.client = client
        self.configuration = configuration
        self.name = configuration["FunctionName"]

    def invoke(self, event=None, **parameters):
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        return Answer(self.client.invoke(FunctionName=self.name, Payload=payload, **parameters))

    def ask(self, event=None, **parameters):
        """Invokes it and returns its result; fails when the function did."""
        answer = self.invoke(event, **parameters)
        assert answer.error is None, answer.body
        return answer.payload

    def invoke_at_once(self, events):
        """Invokes it with all events at the same time; the answers are in the order of the events."""
        with concurrent.futures.ThreadPoolExecutor(len(events)) as pool:
            return list(pool.map(self.invoke, events))

    def wait_until_updated(self):
        self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name, WaiterConfig={"Delay": 1})


class Functions:
    """Creates functions with names of their own, and deletes them."""

    def __init__(self, server, prefix, client=None):
        self.server = server
        self.client = client or make_client(server)
        self._prefix = prefix
        self._count = 0
        self._created = []

    def name(self):
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def create(self, code, wait=True, **parameters):
        """Creates a function from a package, or from a text that is the `app.py` of a Python function."""
        if isinstance(code, str):
            code = package({"app.py": code})
        parameters = {
            "FunctionName": self.name(), "Runtime": PYTHON, "Handler": "app.handler", "Role": ROLE, "Timeout": 30,
            "Code": {"ZipFile": code}, **parameters,
        }  # fmt: skip
        configuration = self.client.create_function(**parameters)
        self._created.append(configuration["FunctionName"])
        if wait:
            self.client.get_waiter("function_active_v2").wait(
                FunctionName=configuration["FunctionName"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        return Function(self.client, configuration)

    def provided(self, code, **parameters):
        return self.create(code, Runtime="provided.al2023", Handler="unused", **parameters)

    def close(self):
        for name in reversed(self._created):
            try:
                self.client.delete_function(FunctionName=name)
            except self.client.exceptions.ResourceNotFoundException:
                pass
