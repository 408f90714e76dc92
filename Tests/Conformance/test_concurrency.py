"""Account, reserved and provisioned concurrency; recycling; development from a directory."""

import concurrent.futures
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ClientError
from host import processes_with
from lambda_client import Functions, make_client
from swiftlet_server import BINARY, IS_EMULATED, RESTART_SECONDS, RUNTIMES, SwiftletServer
from test_versions import error_of, publish

#: Answers with what names the environment, how often it was used, and what it was initialised for. The event is the
#: number of seconds to stay busy.
SLOW = """
import os, time, uuid
environment, count = uuid.uuid4().hex, 0
kind = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
def handler(event, context):
    global count
    count += 1
    if event == "exit": os._exit(3)
    time.sleep(event or 0)
    return [environment, count, kind]
"""

#: How often, and how long in all, a test looks for what is to become so.
LOOK_SECONDS = 0.05
LOOKS_MAX = 1200


def eventually(look):
    """Returns the first result of `look` that is true."""
    for _ in range(LOOKS_MAX):
        if found := look():
            return found
        time.sleep(LOOK_SECONDS)
    raise AssertionError("it did not become so")


def throttle_of(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["Error"]["Message"] == "Rate Exceeded."
    return response["Reason"]


class Busy:
    """Keeps a function busy with so many invokes until the block ends; they are running when the block begins."""

    def __init__(self, server, function, count=1, seconds=4):
        self.function, self.count, self.seconds = function, count, seconds
        self.logs = make_client(server, "logs")

    def starts(self):
        parameters = {"logGroupName": f"/aws/lambda/{self.function.name}", "filterPattern": "START RequestId"}
        try:
            pages = self.logs.get_paginator("filter_log_events").paginate(**parameters)
            return sum(len(page["events"]) for page in pages)
        except self.logs.exceptions.ResourceNotFoundException:
            return 0

    def __enter__(self):
        before = self.starts()
        self.pool = concurrent.futures.ThreadPoolExecutor(self.count)
        self.running = [self.pool.submit(self.function.invoke, self.seconds) for _ in range(self.count)]
        eventually(lambda: self.starts() >= before + self.count)
        return self

    def __exit__(self, *_):
        self.answers = [invoke.result() for invoke in self.running]
        self.pool.shutdown()
        assert [answer.error for answer in self.answers] == [None] * self.count


def test_reserved_concurrency_is_a_limit(server, functions):
    function = functions.create(SLOW)
    client = function.client
    answer = client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    assert answer["ReservedConcurrentExecutions"] == 1
    shown = client.get_function(FunctionName=function.name)
    assert shown["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    assert client.get_function_concurrency(FunctionName=function.name)["ReservedConcurrentExecutions"] == 1
    function.ask(0)
    with Busy(server, function):
        reason = throttle_of(client.invoke, FunctionName=function.name, Payload=b"0")
        assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    function.ask(0)
    client.delete_function_concurrency(FunctionName=function.name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=function.name)
    assert "Concurrency" not in client.get_function(FunctionName=function.name)
    with Busy(server, function):
        function.ask(0)


@pytest.fixture
def server_without_rates(tmp_path):
    """A server that looks at concurrency only: a reservation of one allows ten invokes per second otherwise."""
    server = SwiftletServer(tmp_path, ["--request-rate", "0"])
    server.start()
    yield server
    server.close()


def test_caller_who_comes_back_at_once_is_not_throttled(server_without_rates):
    function = Functions(server_without_rates, "f").create(SLOW)
    publish(function)
    for parameters in {}, {"Qualifier": "1"}:
        function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
        answers = [function.ask(0, **parameters) for _ in range(300)]
        assert [count for _, count, _ in answers] == list(range(1, 301))
    # All that is reserved may be set apart for one version.
    provision(function, "1", 1)
    wait_until("READY", function.client, function.name, "1")
    answers = [function.ask(0, Qualifier="1") for _ in range(300)]
    assert {kind for _, _, kind in answers} == {"provisioned-concurrency"}


def test_failing_invokes_give_their_place_back(functions):
    function = functions.create(SLOW, Timeout=RESTART_SECONDS)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    for _ in range(3):
        assert function.invoke("exit").error_type == "Runtime.ExitError"
        assert function.invoke(60).error_type == "Sandbox.Timedout"
        assert function.invoke("no number").error == "Unhandled"
        assert function.invoke(0).error is None


def test_reservation_of_nothing_throttles_everything(functions):
    function = functions.create(SLOW)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    assert throttle_of(function.client.invoke, FunctionName=function.name) == (
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    )
    function.client.delete_function_concurrency(FunctionName=function.name)
    function.ask()


def test_reservations_leave_a_hundred_to_others(functions):
    function = functions.create(SLOW)
    client = function.client
    unreserved = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    parameters = {"FunctionName": function.name, "ReservedConcurrentExecutions": unreserved - 99}
    assert error_of(client.put_function_concurrency, **parameters) == (
        400, "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [100].",
    )  # fmt: skip
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=7)
    settings = client.get_account_settings()["AccountLimit"]
    assert settings["ConcurrentExecutions"] == 1000
    assert settings["UnreservedConcurrentExecutions"] <= unreserved
    status, code, message = error_of(
        client.put_function_concurrency, FunctionName=f"{function.name}:1", ReservedConcurrentExecutions=1
    )
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message.startswith("This operation is permitted on Lambda functions only.")
    for call in client.get_function_concurrency, client.delete_function_concurrency:
        assert error_of(call, FunctionName="nobody")[0] == 404


@pytest.fixture
def small_account(tmp_path):
    """A server whose account may run two invokes at once."""
    server = SwiftletServer(tmp_path, ["--concurrency", "2"])
    server.start()
    yield Functions(server, "f")
    server.close()


def test_accounts_concurrency_is_a_limit(small_account):
    busy, other = small_account.create(SLOW), small_account.create(SLOW)
    assert other.client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 2
    with Busy(small_account.server, busy, 2):
        reason = throttle_of(other.client.invoke, FunctionName=other.name, Payload=b"0")
        assert reason == "ConcurrentInvocationLimitExceeded"
    other.ask(0)


def test_rate_is_tenfold_the_concurrency(tmp_path):
    server = SwiftletServer(tmp_path, ["--request-rate", "1"])
    server.start()
    try:
        function = Functions(server, "f").create(SLOW)
        # Warm, so that two invokes fit into a second.
        function.ask(0)
        function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
        # The bucket of one starts full: the first invoke passes, and the second comes within its second.
        assert _is_admitted(function)
        reason = throttle_of(function.client.invoke, FunctionName=function.name, Payload=b"0")
        assert reason == "ReservedFunctionInvocationRateLimitExceeded"
        eventually(lambda: _is_admitted(function))
    finally:
        server.close()


def _is_admitted(function):
    try:
        return function.invoke(0).error is None
    except ClientError:
        return False


def test_scale_up_is_limited(tmp_path):
    server = SwiftletServer(tmp_path, ["--scale-up", "1"])
    server.start()
    try:
        function = Functions(server, "f").create(SLOW)
        with Busy(server, function):
            reason = throttle_of(function.client.invoke, FunctionName=function.name, Payload=b"0")
            assert reason == "FunctionInvocationRateLimitExceeded"
    finally:
        server.close()


def test_reservations_survive_a_restart(own_server, own_functions):
    function = own_functions.create(SLOW)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    own_server.kill()
    own_server.start()
    client = make_client(own_server)
    assert client.get_function_concurrency(FunctionName=function.name)["ReservedConcurrentExecutions"] == 0
    assert throttle_of(client.invoke, FunctionName=function.name) == (
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    )


# Provisioned concurrency


def provision(function, qualifier, count):
    return function.client.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


def provision_of(client, name, qualifier):
    return client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)


def wait_until(status, client, name, qualifier):
    def look():
        found = provision_of(client, name, qualifier)
        return found if found["Status"] == status else None

    return eventually(look)


def test_provisioned_environments_are_there_before_the_first_invoke(functions):
    marker = "provisioned-" + functions._prefix
    function = functions.create(SLOW, Environment={"Variables": {"MARKER": marker}})
    publish(function)
    answer = provision(function, "1", 2)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (answer["Status"], answer["RequestedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 2)
    ready = wait_until("READY", function.client, function.name, "1")
    assert ready["AvailableProvisionedConcurrentExecutions"] == 2
    assert ready["AllocatedProvisionedConcurrentExecutions"] == 2
    processes = set(processes_with(marker))
    # The host sees no process of a guest.
    assert processes or IS_EMULATED
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        both = list(pool.map(lambda _: function.invoke(2, Qualifier="1").payload, range(2)))
    assert {kind for _, _, kind in both} == {"provisioned-concurrency"}
    assert len({environment for environment, _, _ in both}) == 2
    # Nothing was started for them.
    assert set(processes_with(marker)) == processes
    # A third spills over.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        three = list(pool.map(lambda _: function.invoke(3, Qualifier="1").payload, range(3)))
    assert sorted(kind for _, _, kind in three) == ["on-demand"] + ["provisioned-concurrency"] * 2
    assert function.invoke(0).payload[2] == "on-demand"
    listed = function.client.list_provisioned_concurrency_configs(FunctionName=function.name)
    assert [c["FunctionArn"].rpartition(":")[2] for c in listed["ProvisionedConcurrencyConfigs"]] == ["1"]


def test_provisioned_environment_is_replaced_after_a_crash(functions):
    function = functions.create(SLOW)
    publish(function)
    provision(function, "1", 1)
    wait_until("READY", function.client, function.name, "1")
    first, _, kind = function.invoke(0, Qualifier="1").payload
    assert kind == "provisioned-concurrency"
    assert function.invoke("exit", Qualifier="1").error_type == "Runtime.ExitError"
    wait_until("READY", function.client, function.name, "1")
    second, count, kind = function.invoke(0, Qualifier="1").payload
    assert (second != first, count, kind) == (True, 1, "provisioned-concurrency")


def test_provisioned_environments_come_back_after_a_restart(own_server, own_functions):
    function = own_functions.create(SLOW)
    publish(function)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    provision(function, "live", 1)
    wait_until("READY", function.client, function.name, "live")
    own_server.kill()
    own_server.start()
    client = make_client(own_server)
    wait_until("READY", client, function.name, "live")
    payload = json.load(client.invoke(FunctionName=function.name, Qualifier="live", Payload=b"0")["Payload"])
    assert payload[1:] == [1, "provisioned-concurrency"]


def test_provisioned_concurrency_follows_its_alias(functions):
    function = functions.create(SLOW)
    client = function.client
    publish(function)
    client.update_function_configuration(FunctionName=function.name, Description="other")
    function.wait_until_updated()
    publish(function)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    provision(function, "live", 1)
    wait_until("READY", client, function.name, "live")
    client.update_alias(FunctionName=function.name, Name="live", FunctionVersion="2")
    wait_until("READY", client, function.name, "live")
    answer = function.invoke(0, Qualifier="live")
    assert (answer.version, answer.payload[2]) == ("2", "provisioned-concurrency")


def test_failed_initialisation_is_told(functions):
    function = functions.create("raise Exception('no')\ndef handler(event, context): pass")
    publish(function)
    provision(function, "1", 1)
    failed = wait_until("FAILED", function.client, function.name, "1")
    assert failed["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert failed["AvailableProvisionedConcurrentExecutions"] == 0


def test_initialisation_may_take_longer_when_provisioned(functions):
    function = functions.create("import time\ntime.sleep(11)\ndef handler(event, context): return 'slow'")
    publish(function)
    provision(function, "1", 1)
    wait_until("READY", function.client, function.name, "1")
    assert function.invoke(Qualifier="1").payload == "slow"


def test_errors_of_provisioned_concurrency(functions):
    function = functions.create(SLOW)
    client, name = function.client, function.name
    publish(function)

    def put(qualifier, count=1):
        return error_of(
            client.put_provisioned_concurrency_config,
            FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count,
        )  # fmt: skip

    invalid = (400, "InvalidParameterValueException")
    assert put("$LATEST") == (
        *invalid, "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )  # fmt: skip
    assert put("9")[:2] == (404, "ResourceNotFoundException")
    assert put("none")[:2] == (404, "ResourceNotFoundException")
    assert put("1", 0)[:2] == (400, "ValidationException")
    unreserved = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert put("1", 100_000)[2].startswith("Specified ConcurrentExecutions for function is greater than account's")
    assert put("1", unreserved - 50) == (
        *invalid,
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100].",
    )  # fmt: skip
    assert error_of(client.get_provisioned_concurrency_config, FunctionName=name, Qualifier="$LATEST") == (
        *invalid, "The function resource provided must be an alias or a published version."
    )  # fmt: skip
    assert error_of(client.get_provisioned_concurrency_config, FunctionName=name, Qualifier="1") == (
        404, "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )  # fmt: skip
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    assert put("1", 3)[2] == (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )
    provision(function, "1", 2)
    assert error_of(client.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=1)[2] == (
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    )
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert put("live")[0::2] == (
        409, "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    )  # fmt: skip
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    provision(function, "live", 1)
    assert put("1")[0::2] == (409, "Version is pointed by a Provisioned Concurrency alias")
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    listed = client.list_provisioned_concurrency_configs(FunctionName=name)
    assert listed["ProvisionedConcurrencyConfigs"] == []


# Commands


def swiftlet(*arguments, **more):
    return subprocess.run(
        [str(BINARY), *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **more
    )


def test_recycle_gives_a_cold_start(server, functions):
    function = functions.create(SLOW)
    before = function.ask()
    assert function.ask()[1] == 2
    done = swiftlet("recycle", function.name, "--endpoint", server.endpoint)
    assert (done.returncode, done.stdout) == (0, "1 execution environment recycled\n")
    after = function.ask()
    assert (after[0] != before[0], after[1]) == (True, 1)


def test_recycle_lets_an_invoke_finish(server, functions):
    function = functions.create(SLOW)
    before = function.ask()
    with Busy(server, function) as busy:
        done = swiftlet("recycle", function.name, "--endpoint", server.endpoint)
        assert done.stdout == "1 execution environment recycled\n"
    assert busy.answers[0].error is None
    assert function.ask()[1] == 1
    assert function.ask()[0] != before[0]


def test_recycle_of_nobody(server):
    done = swiftlet("recycle", "nobody", "--endpoint", server.endpoint)
    assert done.returncode != 0
    assert "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody" in done.stderr
    done = swiftlet("recycle", "nobody", "--endpoint", "http://127.0.0.1:1")
    assert done.returncode != 0
    assert "there is no server at http://127.0.0.1:1" in done.stderr


class Dev:
    """A running `swiftlet dev`, and the lines that it prints."""

    def __init__(self, server, directory, *arguments):
        self.process = subprocess.Popen(
            [
                str(BINARY), "dev", str(directory), "--endpoint", server.endpoint, "--runtimes", RUNTIMES, *arguments
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.watchdog = threading.Timer(120, self.process.kill)
        self.watchdog.start()

    def line(self, beginning):
        """Waits for the line that begins like this."""
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if line.startswith(beginning):
                return line
        raise AssertionError(f"it ended without a line that begins with {beginning!r}: {seen}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=60)
        self.watchdog.cancel()
        self.process.stdout.close()
        return status


def test_dev_follows_the_files(server, functions, tmp_path):
    directory = tmp_path / functions.name()
    directory.mkdir()
    functions._created.append(directory.name)
    (directory / "app.py").write_text("def handler(event, context): return 'one'")
    dev = Dev(server, directory)
    try:
        assert dev.line("created").split()[1].endswith(f"/functions/{directory.name}/invocations")
        dev.line("watching")
        client = functions.client

        def answer():
            return json.load(client.invoke(FunctionName=directory.name)["Payload"])

        assert answer() == "one"
        (directory / "app.py").write_text("def handler(event, context): return 'two'")
        dev.line("deployed")
        assert answer() == "two"
        # Files in new directories, and files that take another's place, are seen too.
        (directory / "lib").mkdir()
        (directory / "lib" / "__init__.py").write_text("value = 'three'")
        dev.line("deployed")
        temporary = directory / ".app.new"
        temporary.write_text("import lib\ndef handler(event, context): return lib.value")
        os.rename(temporary, directory / "app.py")
        eventually(lambda: answer() == "three")
        (directory / "lib" / "__init__.py").write_text("value = 'four'")
        eventually(lambda: answer() == "four")
    finally:
        status = dev.stop()
    assert status == 0
    assert answer() == "four"


def test_dev_tells_what_is_wrong(server, tmp_path):
    done = swiftlet("dev", str(tmp_path / "nowhere"), "--endpoint", server.endpoint)
    assert done.returncode != 0
    assert "No such file or directory" in done.stderr
    (tmp_path / "notes.txt").write_text("no code")
    done = swiftlet("dev", str(tmp_path), "--endpoint", server.endpoint)
    assert done.returncode != 0
    assert "--handler" in done.stderr
    done = swiftlet("dev", str(tmp_path), "--handler", "a.b", "--runtime", "cobol", "--endpoint", server.endpoint)
    assert done.returncode != 0
    assert "Value cobol at 'runtime' failed to satisfy constraint" in done.stderr
