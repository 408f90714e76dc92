"""Faults of the machines that functions run in: invokes get AWS's errors, the service goes on, and nothing stays behind."""

import concurrent.futures
import json
import os
import shutil
import signal
import uuid

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from host import Footprint, cgroup_directories, descendants
from lambda_client import NODE, PYTHON, Answer, Functions, error_of, make_client
from packages import package
from swiftlet_server import IS_EMULATED, ROOT, SwiftletServer
from test_concurrency import eventually, throttle_of
from test_logs import follow

pytestmark = pytest.mark.skipif(not IS_EMULATED, reason="functions run in no machines")

#: Says that it runs, takes as many seconds as its event says, and answers with the number of its invokes.
SLOW = """
import time
count = 0
def handler(event, context):
    global count
    count += 1
    print("runs", flush=True)
    time.sleep(event)
    return count
"""
#: How many machines there are when the service is killed, one time after the other: one that boots to be the template of the
#: others, copies, and copies that run functions beside those that wait for some.
KILLED_AT = [1, 2, 4]


def is_machine(process):
    try:
        return os.path.basename(os.readlink(f"/proc/{process.pid}/exe")).startswith("qemu-system")
    except OSError:
        return False


def machines(server):
    """The processes of a server that are machines."""
    return {process for process in descendants(server.pid) if is_machine(process)}


def drives(server):
    """The files in a server's directory that its machines have open, but for those that have no name any more."""
    found = set()
    for machine in machines(server):
        for descriptor in os.listdir(f"/proc/{machine.pid}/fd"):
            path = os.readlink(f"/proc/{machine.pid}/fd/{descriptor}")
            if path.startswith(f"{server.directory}/") and os.path.exists(path):
                found.add(path)
    return found


# The service is killed


def test_kill_while_machines_start_and_run_leaves_nothing(own_server, own_functions):
    function = own_functions.create(SLOW, Timeout=60)
    footprints, files = [], set()

    def invoke(client, seconds):
        try:
            Answer(client.invoke(FunctionName=function.name, Payload=str(seconds).encode()))
        except (ClientError, BotoCoreError):
            pass

    for count in KILLED_AT:
        client = make_client(own_server)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            running = [pool.submit(invoke, client, 50) for _ in range(3)]
            eventually(lambda count=count: len(machines(own_server)) >= count)
            # Nothing may begin between the look and the kill.
            os.kill(own_server.pid, signal.SIGSTOP)
            footprints.append(Footprint.of(own_server))
            files |= drives(own_server)
            own_server.kill()
            concurrent.futures.wait(running)
        own_server.start()
        assert [footprint.left() for footprint in footprints] == [[]] * len(footprints)
        assert not [path for path in files if os.path.exists(path)]
        assert Answer(make_client(own_server).invoke(FunctionName=function.name, Payload=b"0")).payload == 1
    assert files and all(footprint.processes and footprint.cgroups for footprint in footprints)
    footprint = Footprint.of(own_server)
    assert own_server.stop() == 0
    assert footprint.left() == []


# A machine is killed, or stands still


@pytest.fixture(scope="module")
def quiet_server(tmp_path_factory):
    """A server in which no machine waits for a function, so that each belongs to one."""
    server = SwiftletServer(tmp_path_factory.mktemp("quiet"), ["--waiting-sandboxes", "0"])
    server.start()
    yield server
    server.close()


@pytest.fixture
def quiet_functions(quiet_server):
    functions = Functions(quiet_server, f"t-{uuid.uuid4().hex[:12]}")
    yield functions
    functions.close()


@pytest.fixture
def bystander(quiet_functions):
    """Another function with a machine of its own, which must not be touched."""
    function = quiet_functions.create(SLOW)
    assert function.ask(0) == 1
    return function


def with_machine(server, functions, **parameters):
    """A function that waits for its second invoke, and its machine."""
    before = machines(server)
    function = functions.create(SLOW, **parameters)
    # With the log, the answer comes when the function can be asked again.
    assert function.invoke(0, LogType="Tail").payload == 1
    (machine,) = machines(server) - before
    return function, machine


def printed(server, function, text, count=1):
    """Waits until a function has printed a line so often."""
    follow(
        make_client(server, "logs"),
        f"/aws/lambda/{function.name}",
        lambda events: sum(event["message"] == f"{text}\n" for event in events) >= count,
    )


def assert_lost(answer):
    assert answer.status == 200
    assert answer.error_type == "Sandbox.Failure"
    assert answer.error_message == f"RequestId: {answer.request_id} Error: the execution environment failed"


def test_machine_that_is_killed_fails_its_invoke_and_nothing_else(quiet_server, quiet_functions, bystander):
    function, machine = with_machine(quiet_server, quiet_functions)
    groups = cgroup_directories(machine.pid) - cgroup_directories(quiet_server.pid)
    assert groups
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke, 20)
        printed(quiet_server, function, "runs", count=2)
        os.kill(machine.pid, signal.SIGKILL)
        assert_lost(running.result())
    assert function.ask(0) == 1
    assert bystander.ask(0) == 2
    eventually(lambda: not any(group.exists() for group in groups))


def test_machine_that_is_killed_between_invokes_is_not_missed(quiet_server, quiet_functions, bystander):
    function, machine = with_machine(quiet_server, quiet_functions)
    groups = cgroup_directories(machine.pid) - cgroup_directories(quiet_server.pid)
    os.kill(machine.pid, signal.SIGKILL)
    # Once nothing is left of it, the service knows.
    eventually(lambda: not any(group.exists() for group in groups))
    assert function.ask(0) == 1
    assert bystander.ask(0) == 2


@pytest.mark.parametrize("moment", ["creation", "initialisation"])
def test_machine_that_is_killed_at_its_start_fails_one_invoke(quiet_server, quiet_functions, bystander, moment):
    function = quiet_functions.create("import time\nprint('begins', flush=True)\ntime.sleep(5)\n" + SLOW)
    before = machines(quiet_server)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(error_of, function.client.invoke, FunctionName=function.name, Payload=b"0")
        if moment == "initialisation":
            printed(quiet_server, function, "begins")
        (machine,) = eventually(lambda: machines(quiet_server) - before)
        os.kill(machine.pid, signal.SIGKILL)
        assert running.result()[:2] == (500, "ServiceException")
    assert function.ask(0) == 1
    assert bystander.ask(0) == 2


def test_machine_that_stands_still_is_given_up(quiet_server, quiet_functions, bystander):
    function, machine = with_machine(quiet_server, quiet_functions, Timeout=3)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke, 60)
        printed(quiet_server, function, "runs", count=2)
        os.kill(machine.pid, signal.SIGSTOP)
        # Others are served meanwhile.
        assert bystander.ask(0) == 2
        assert running.result().error_type == "Sandbox.Timedout"
    eventually(lambda: not machine.is_alive())
    assert function.ask(0) == 1


# What machines start from is damaged


class Guests:
    """A copy of what machines start from, for tests to spoil."""

    def __init__(self, directory):
        self.directory = directory
        original = ROOT / ".guest/guests"
        for part in ("images", "named"):
            (directory / part).mkdir(parents=True)
        for name in ("boot", PYTHON, NODE):
            shutil.copy(original / "named" / name, directory / "named" / name)
            shutil.copy(original / "images" / self.image(name).name, self.image(name))
        boot = json.loads(self.image("boot").read_text())
        self.kernel = directory / "images" / boot["kernel"]
        for image in [boot["kernel"], *(module["image"] for module in boot["modules"])]:
            shutil.copy(original / "images" / image, directory / "images" / image)

    def image(self, name):
        return self.directory / "images" / (self.directory / "named" / name).read_text()


@pytest.fixture
def guests(tmp_path):
    return Guests(tmp_path / "guests")


def spoil(path, fault):
    if fault == "absent":
        path.unlink()
    else:
        path.chmod(0o644)
        os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("fault", ["absent", "truncated"])
def test_without_a_whole_kernel_the_start_fails_and_says_what_to_do(tmp_path, guests, fault):
    spoil(guests.kernel, fault)
    server = SwiftletServer(tmp_path, ["--guest-images", str(guests.directory)])
    with pytest.raises(AssertionError, match="ended with status"):
        server.start()
    assert "'guest-images'" in server.log
    assert f"run: swiftlet image build-kernel --data {server.data}" in server.log


@pytest.mark.parametrize("fault", ["absent", "truncated"])
def test_runtime_without_a_whole_image_is_missing_and_the_others_are_not(tmp_path, guests, fault):
    server = SwiftletServer(tmp_path, ["--guest-images", str(guests.directory)])
    server.start()
    try:
        functions = Functions(server, "f")
        python = functions.create(SLOW)
        node = functions.create(
            package({"index.js": "exports.handler = async () => 1"}), Runtime=NODE, Handler="index.handler"
        )
        server.stop()
        spoil(guests.image(PYTHON), fault)
        server.start()
        assert f"swiftlet image build-runtime {PYTHON} --data {server.data}" in server.log
        client = make_client(server)
        assert Answer(client.invoke(FunctionName=node.name)).payload == 1
        assert error_of(client.invoke, FunctionName=python.name)[:2] == (500, "ServiceException")
        assert f"{PYTHON} is not installed on this host" in server.log
        assert machines(server)
    finally:
        server.close()


# Memory


def megabytes_of_machines(server):
    """What the service keeps of machines' memory for those to come."""
    taken = {}
    for descriptor in os.listdir(f"/proc/{server.pid}/fd"):
        path = f"/proc/{server.pid}/fd/{descriptor}"
        try:
            if os.readlink(path).startswith("/memfd:machine"):
                file = os.stat(path)
                taken[file.st_ino] = file.st_blocks >> 11
        except FileNotFoundError:
            continue
    return sum(taken.values())


def test_memory_of_a_large_machine_goes_with_it(quiet_server, quiet_functions, bystander):
    function = quiet_functions.create(
        "def handler(event, context): return len(b'x' * (event << 20))", MemorySize=1769, Timeout=60
    )
    assert function.ask(0) == 0
    before = megabytes_of_machines(quiet_server)
    assert before > 0
    assert function.ask(800) == 800 << 20
    function.client.delete_function(FunctionName=function.name)
    eventually(lambda: megabytes_of_machines(quiet_server) <= before)
    assert bystander.ask(0) == 2


def test_machines_without_room_in_the_budget_are_refused(tmp_path):
    server = SwiftletServer(tmp_path, environment={"SWIFTLET_MEMORY_BUDGET": "256"})
    server.start()
    try:
        functions = Functions(server, "f")
        large, small = functions.create(SLOW, MemorySize=256), functions.create(SLOW, MemorySize=128)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            # With the log, it is idle when the answer comes.
            running = pool.submit(large.invoke, 6, LogType="Tail")
            printed(server, large, "runs")
            reason = throttle_of(small.client.invoke, FunctionName=small.name, Payload=b"0")
            assert reason == "ConcurrentInvocationLimitExceeded"
            assert running.result().payload == 1
        # The one that is idle has to go.
        assert small.ask(0) == 1
        footprint = Footprint.of(server)
        assert server.stop() == 0
        assert footprint.left() == []
    finally:
        server.close()
