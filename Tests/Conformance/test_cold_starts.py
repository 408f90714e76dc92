"""Functions in sandboxes that waited for them: made and started before the function was known, and yet its own."""

import os
import uuid
from pathlib import Path

import pytest
from host import Footprint, descendants
from lambda_client import Functions, make_client
from packages import package
from swiftlet_server import IS_EMULATED, RESTART_SECONDS, SwiftletServer

LOOKS = 6000
WAITING = "_SWIFTLET_CHANNEL="

#: Answers with what a function can find out about its own process and sandbox.
VIEW = """
import glob, os, resource, socket, stat, sys
def target(number):
    try: return os.readlink(f"/proc/self/fd/{number}")
    except OSError: return None
def handler(event, context):
    text = open("/proc/self/environ").read()
    mounts = [line.split() for line in open("/proc/self/mountinfo")]
    descriptors = {number: target(number) for number in os.listdir("/proc/self/fd")}
    peers = [int(p) for p in os.listdir("/proc") if p.isdigit()]
    return {
        "environment": {k: v for k, v in os.environ.items() if k not in ("AWS_ACCESS_KEY_ID", "LC_CTYPE")},
        "shown": sorted(t.split("=")[0] for t in text.split(chr(0)) if t), "channel": "SWIFTLET" in text,
        "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "user": os.getresuid() + os.getresgid(),
        "host": socket.gethostname(), "limits": [resource.getrlimit(n) for n in range(16)],
        "opt": os.listdir("/opt"), "task": sorted(os.listdir("/var/task")), "tmp": os.listdir("/tmp"),
        "tmp mode": oct(os.stat("/tmp").st_mode), "tmp size": (s := os.statvfs("/tmp")).f_blocks * s.f_frsize,
        "writable": sorted({m[4] for m in mounts if "rw" in m[5].split(",")}),
        "files": sorted({t for n, t in descriptors.items() if int(n) > 2 and t and not t.startswith(("socket:", "anon_inode:"))}),
        "sockets": sum(bool(t) and t.startswith("socket:") for t in descriptors.values()),
        "processes": sorted(peers) == [1, os.getpid()], "group": [l.split(":")[2].strip() for l in open("/proc/self/cgroup")],
    }
"""
#: What differs from one environment to the next, and why: names and keys of its own.
OWN = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_FUNCTION_NAME",
       "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_METADATA_TOKEN", "_X_AMZN_TRACE_ID")  # fmt: skip


def waiting(server):
    """The processes of a server that wait for a function."""
    return [process for process in descendants(server.pid) if waits(Path(f"/proc/{process.pid}"))]


def waits(process):
    """Whether this is a runtime that is still to be told of its function, or a machine with nothing behind the drives of code
    and layers."""
    try:
        if not IS_EMULATED:
            return WAITING.encode() in (process / "environ").read_bytes()
        files = (process / "fd").iterdir()
        return len({file.stat().st_ino for file in files if os.readlink(file).startswith("/memfd:placeholder")}) == 2
    except OSError:
        return False


def wait_for_waiting(server, is_enough):
    """Returns the waiting processes once they are as wanted. Each look takes a while by itself."""
    for _ in range(LOOKS):
        found = waiting(server)
        if is_enough(found):
            return found
    raise AssertionError(f"{len(found)} wait; the server's log:\n{server.log}")


@pytest.fixture
def cold_server(tmp_path):
    """A server without waiting sandboxes."""
    server = SwiftletServer(tmp_path / "cold", arguments=["--waiting-sandboxes", "0"])
    (tmp_path / "cold").mkdir()
    server.start()
    yield server
    server.close()


def view_of(server, functions):
    """What a new function sees, and whether a process that had waited shows it."""
    function = functions.create(
        VIEW, EphemeralStorage={"Size": 600}, MemorySize=256,
        Environment={"Variables": {"KEY": "value", "TZ": "Europe/Paris"}},
    )  # fmt: skip
    before = waiting(server)
    view = function.ask()
    for name in OWN:
        view["environment"].pop(name, None)
    after = waiting(server)
    return view, any(process.is_alive() and process not in after for process in before)


def test_function_sees_what_it_would_see_from_a_cold_start(own_server, cold_server):
    cold, _ = view_of(cold_server, Functions(cold_server, "c"))
    functions = Functions(own_server, "w")
    # A process that can be seen to wait may have a moment to go until it is ready to be taken.
    for _ in range(20):
        waited, has_waited = view_of(own_server, functions)
        if has_waited:
            break
    assert has_waited
    assert waited == cold
    assert waited["environment"]["KEY"] == "value"
    assert not waited["channel"]
    assert set(waited["writable"]) <= {"/proc", "/tmp"}


def test_nothing_waits_where_it_is_turned_off(cold_server):
    function = Functions(cold_server, "f").create("def handler(event, context): return 1")
    assert function.ask() == 1
    assert waiting(cold_server) == []


def test_sandboxes_wait_for_functions_that_exist(own_server, own_functions):
    assert waiting(own_server) == []
    own_functions.create("def handler(event, context): return 1")
    wait_for_waiting(own_server, bool)
    own_server.stop()
    own_server.start()
    wait_for_waiting(own_server, bool)


def test_one_sandbox_serves_one_function(own_server, own_functions):
    source = "import os\nopen('/tmp/mine', 'x').close()\ndef handler(event, context): return os.environ['NAME']"
    names = [uuid.uuid4().hex for _ in range(6)]
    functions = [own_functions.create(source, Environment={"Variables": {"NAME": name}}) for name in names]
    for _ in range(2):
        assert [function.ask() for function in functions] == names


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "PYTHONOPTIMIZE", "MALLOC_ARENA_MAX", "LC_ALL"])
def test_variables_that_count_at_the_start_count(functions, name):
    value = {"LD_PRELOAD": "", "PYTHONPATH": "/var/task/more:/var/runtime", "PYTHONOPTIMIZE": "2", "LC_ALL": "C"}.get(name, "1")
    function = functions.create(
        """
import os, sys
def handler(event, context):
    return [os.environ[event], sys.flags.optimize, "/var/task/more" in sys.path]""",
        Environment={"Variables": {name: value}},
    )
    seen, optimize, has_path = function.ask(name)
    assert seen == value
    assert optimize == (2 if name == "PYTHONOPTIMIZE" else 0)
    assert has_path == (name == "PYTHONPATH")


def test_a_packages_own_module_comes_before_the_runtimes(functions):
    function = functions.create(
        package({
            "app.py": "import datetime, sys\ndef handler(event, context): return [datetime.mine, sys.argv[1:]]",
            "datetime.py": "mine = True\nclass datetime: pass\nclass timedelta: pass\n",
        })
    )  # fmt: skip
    answer = function.ask()
    assert answer == [True, ["app.handler"]]


def test_log_of_a_function_that_waited_is_its_own(functions):
    function = functions.create("print('at init')\ndef handler(event, context): print('at work')")
    log = function.invoke(LogType="Tail").log.decode()
    assert "at work" in log and "START" in log and "Init Duration" in log


def test_timeout_and_exit_in_a_sandbox_that_waited(functions):
    function = functions.create(
        "import os, time\ndef handler(event, context):\n    time.sleep(60) if event else os._exit(3)",
        Timeout=RESTART_SECONDS,
    )
    assert function.invoke(1).error_type == "Sandbox.Timedout"
    assert function.invoke(0).error_type == "Runtime.ExitError"


def test_kill_leaves_nothing_of_what_waits(own_server, own_functions):
    own_functions.create("def handler(event, context): return 1").ask()
    wait_for_waiting(own_server, lambda found: len(found) >= 2)
    footprint = Footprint.of(own_server)
    own_server.kill()
    own_server.start()
    assert footprint.left() == []
    wait_for_waiting(own_server, bool)
    footprint = Footprint.of(own_server)
    assert own_server.stop() == 0
    assert footprint.left() == []


def test_a_runtime_that_dies_while_it_waits_is_replaced(own_server, own_functions):
    function = own_functions.create("def handler(event, context): return 1")
    processes = wait_for_waiting(own_server, bool)
    for process in processes:
        os.kill(process.pid, 9)
    for _ in range(LOOKS):
        if not any(process.is_alive() for process in processes):
            break
    # Cold, or from one that was made since; the caller does not notice.
    assert function.ask() == 1


def test_waiting_sandboxes_give_way_to_functions(tmp_path):
    # Room for two functions; an eighth of it has to be enough for one that waits.
    megabytes = 512 if IS_EMULATED else 128
    (tmp_path / "small").mkdir()
    server = SwiftletServer(tmp_path / "small", environment={"SWIFTLET_MEMORY_BUDGET": str(2 * megabytes)})
    server.start()
    try:
        functions = Functions(server, "m")
        first = functions.create("def handler(event, context): return 1", MemorySize=megabytes)
        second = functions.create("def handler(event, context): return 2", MemorySize=megabytes)
        wait_for_waiting(server, bool)
        assert (first.ask(), second.ask()) == (1, 2)
        # The whole budget is promised now.
        wait_for_waiting(server, lambda found: not found)
        assert make_client(server).invoke(FunctionName=first.name)["Payload"].read() == b"1"
    finally:
        server.close()
