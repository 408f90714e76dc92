"""Functions that fail: the caller gets AWS's error, and the next invoke of this and of every other function works."""

import re
import time
import uuid

import pytest
from host import processes_with
from lambda_client import NODE
from packages import package, package_of, entry
from swiftlet_server import IS_EMULATED, RESTART_SECONDS, SANDBOX

#: Fails as the event says, and answers anything else with the number of its invokes.
FAILING = """
import ctypes, os, signal, sys, time
count = 0
def handler(event, context):
    global count
    count += 1
    kind = event.get("fail") if event else None
    if kind == "raise": raise ValueError("bad")
    if kind == "sleep": time.sleep(3600)
    if kind == "spin":
        while True: pass
    if kind == "ignore":
        signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)
    if kind == "exit": os._exit(event["status"])
    if kind == "sys.exit": sys.exit(0)
    if kind == "signal": os.kill(os.getpid(), event["signal"])
    if kind == "segfault": ctypes.string_at(0)
    if kind == "allocate":
        kept = []
        while True: kept.append(b"x" * (8 << 20))
    if kind == "close":
        os.closerange(3, 1024)
    if kind == "stop": os.kill(os.getpid(), signal.SIGSTOP)
    return count
"""


@pytest.fixture
def bystander(functions):
    """Another function with a warm environment, which no failure of its neighbours may touch."""
    function = functions.create(
        "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count"
    )
    assert function.ask() == 1
    return function


def assert_unharmed(function, bystander, expected=1):
    """The failed function runs again in a fresh environment, and the bystander in its old one."""
    assert function.ask() == expected
    assert bystander.ask() == 2


def test_exception_is_returned_and_the_environment_kept(functions, bystander):
    function = functions.create(FAILING)
    answer = function.invoke({"fail": "raise"}, LogType="Tail")
    assert (answer.status, answer.error_type, answer.error_message) == (200, "ValueError", "bad")
    assert answer.payload["requestId"] == answer.request_id
    assert 'raise ValueError("bad")' in answer.payload["stackTrace"][0]
    assert b"[ERROR] ValueError: bad" in answer.log
    assert_unharmed(function, bystander, expected=2)


@pytest.mark.parametrize("kind", ["sleep", "spin", "ignore", "stop"])
def test_timeout_ends_the_invoke(functions, bystander, kind):
    function = functions.create(FAILING, Timeout=RESTART_SECONDS)
    answer = function.invoke({"fail": kind}, LogType="Tail")
    assert answer.error_type == "Sandbox.Timedout"
    assert answer.error_message == f"RequestId: {answer.request_id} Error: Task timed out after {RESTART_SECONDS}.00 seconds"
    assert b"REPORT RequestId: " + answer.request_id.encode() in answer.log
    assert_unharmed(function, bystander)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"fail": "sys.exit"}, "Runtime exited without providing a reason"),
        ({"fail": "exit", "status": 0}, "Runtime exited without providing a reason"),
        ({"fail": "exit", "status": 1}, "Runtime exited with error: exit status 1"),
        ({"fail": "exit", "status": 127}, "Runtime exited with error: exit status 127"),
        ({"fail": "exit", "status": 255}, "Runtime exited with error: exit status 255"),
        ({"fail": "signal", "signal": 9}, "Runtime exited with error: signal: killed"),
        ({"fail": "signal", "signal": 15}, "Runtime exited with error: signal: terminated"),
        ({"fail": "signal", "signal": 6}, "Runtime exited with error: signal: aborted"),
        ({"fail": "segfault"}, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_exit_is_told_with_its_status(functions, bystander, event, reason):
    function = functions.create(FAILING)
    assert function.ask() == 1
    answer = function.invoke(event)
    assert answer.error_type == "Runtime.ExitError"
    # Go, which AWS writes this in, adds "(core dumped)" where a core was.
    assert answer.error_message.removesuffix(" (core dumped)") == f"RequestId: {answer.request_id} Error: {reason}"
    assert_unharmed(function, bystander)


# The second is all that a machine of the smallest size has for its function.
@pytest.mark.parametrize("megabytes", [128, 512])
def test_memory_beyond_the_limit_kills_the_function_only(functions, bystander, megabytes):
    function = functions.create(FAILING, MemorySize=megabytes)
    answer = function.invoke({"fail": "allocate"}, LogType="Tail")
    assert answer.error_type in ("Runtime.OutOfMemory", "Runtime.ExitError")
    assert answer.error_message == f"RequestId: {answer.request_id} Error: Runtime exited with error: signal: killed"
    used = re.search(rb"Max Memory Used: (\d+) MB", answer.log)
    assert 0.98 * megabytes <= int(used[1]) <= megabytes
    assert_unharmed(function, bystander)


def test_configured_memory_can_be_used(functions):
    function = functions.create("def handler(event, context): return len(b'x' * (event << 20))", MemorySize=256)
    assert function.ask(180) == 180 << 20


def test_closed_descriptors_harm_nobody(functions, bystander):
    function = functions.create(FAILING, Timeout=3)
    answer = function.invoke({"fail": "close"})
    # A runtime client may connect again and answer, or fail.
    assert answer.error is None or answer.error_type in ("Runtime.ExitError", "Sandbox.Timedout")
    assert function.ask() in (1, 2)
    assert bystander.ask() == 2


def test_forking_without_end_stops_at_the_limit(functions, bystander):
    # Bounded, so that a sandbox without a limit fails the test and not the host.
    function = functions.create(
        """
import os, signal
def handler(event, context):
    if event == "count": return "alive"
    for number in range(3000):
        try:
            if os.fork() == 0:
                signal.pause()
                os._exit(0)
        except BlockingIOError:
            return number
    return None""",
        # Enough that the limit on processes is met before the one on memory.
        MemorySize=3008,
        Timeout=60,
    )
    forked = function.ask("fork")
    assert forked is not None, "3000 processes were allowed"
    assert forked <= 1024
    # They are still there, and so is the runtime between them.
    assert function.ask("count") == "alive"
    assert bystander.ask() == 2


def test_processes_left_behind_do_not_hold_the_answer(functions):
    function = functions.create(
        "import subprocess\ndef handler(event, context): subprocess.Popen(['/bin/sleep', '3600']); return 'answered'"
    )
    assert function.ask() == "answered"
    assert function.ask() == "answered"


def test_ten_thousand_processes_come_and_go(functions, bystander):
    """Half of them are orphans when they end. Whoever takes those in must bury them, or the limit is soon met."""
    function = functions.create(
        """
import os, time
def fork():
    while True:
        try:
            return os.fork()
        except BlockingIOError:
            time.sleep(0.001)  # more at once than the limit, as long as the dead are not buried
def handler(event, context):
    for _ in range(5000):
        child = fork()
        if child == 0:
            fork()
            os._exit(0)
        os.waitpid(child, 0)
    return "made"
def left():
    return sum(name.isdigit() for name in os.listdir("/proc"))
def look(event, context):
    deadline = time.monotonic() + 20
    while left() > event and time.monotonic() < deadline: time.sleep(0.01)
    return left()
def either(event, context):
    return look(event, context) if event else handler(event, context)""",
        Handler="app.either",
        MemorySize=1769,
        Timeout=120,
    )
    before = function.ask(1000)
    assert function.ask() == "made"
    assert function.ask(before) <= before
    assert bystander.ask() == 2


@pytest.mark.skipif(SANDBOX == "microvm", reason="the host sees no process of a guest")
@pytest.mark.parametrize("end", ["exit", "sleep", "delete"])
def test_daemon_ends_with_its_environment(functions, bystander, end):
    """It has a session of its own, no parent, no open file, and no ear for any signal that it may ignore."""
    marker = uuid.uuid4().hex
    function = functions.create(
        FAILING
        + """
def start(event, context):
    if event == "daemon":
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in range(1, 65):
                    try: signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError): pass
                os.write(writing, str(os.getpid()).encode())
                os.closerange(0, 1024)
                while True: time.sleep(3600)
            os._exit(0)
        os.wait()
        return int(os.read(reading, 10))
    if event and "daemon" in event:
        os.kill(event["daemon"], signal.SIGTERM)
        return open(f"/proc/{event['daemon']}/stat").read().split(") ")[1][0]
    return handler(event, context)""",
        Handler="app.start",
        Timeout=3,
        Environment={"Variables": {"MARKER": marker}},
    )
    # With the log, the answer comes when the runtime has asked again, so that the next invoke finds the same environment.
    daemon = function.ask("daemon", LogType="Tail")
    # As on Lambda it lives as long as its environment does.
    assert function.ask({"daemon": daemon}) == "S"
    daemons = {process for process in processes_with(marker) if process.is_alive()}
    assert len(daemons) == 2
    if end == "delete":
        function.client.delete_function(FunctionName=function.name)
    else:
        assert function.invoke({"fail": end, "status": 1}).error == "Unhandled"
    deadline = time.monotonic() + 30
    while any(process.is_alive() for process in daemons) and time.monotonic() < deadline:
        time.sleep(0.05)  # the interval of looking
    assert not [process for process in daemons if process.is_alive()]
    assert bystander.ask() == 2


#: Puts data where a process's own memory does not grow by it, until nothing takes any more. Bounded by 1 GB.
HOARDER = """
import fcntl, os, socket
kept = []
def pipes():
    reading, writing = os.pipe()
    kept.extend((reading, writing))
    try: fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
    except OSError: pass
    os.set_blocking(writing, False)
    return lambda: os.write(writing, BLOCK)
def pairs():
    one, other = socket.socketpair()
    kept.extend((one, other))
    one.setblocking(False)
    return lambda: one.send(BLOCK)
def connections():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other = listener.accept()[0]
    kept.extend((one, other))
    one.setblocking(False)
    return lambda: one.send(BLOCK)
def files():
    file = os.memfd_create("file")
    kept.append(file)
    return lambda: os.write(file, BLOCK) if os.fstat(file).st_size < 8 << 20 else 0
BLOCK = b"x" * 65536
def handler(event, context):
    total = 0
    try:
        while total < 1 << 30:
            fill = globals()[event]()
            try:
                while written := fill(): total += written
            except BlockingIOError:
                pass
    except OSError:
        pass
    return total >> 20
"""


@pytest.mark.parametrize("kind", ["pipes", "pairs", "connections", "files"])
def test_memory_that_the_kernel_holds_for_a_function_is_limited(functions, bystander, kind):
    if IS_EMULATED and kind == "files":
        pytest.skip("a guest takes minutes until it gives up, where processors are emulated")
    function = functions.create(HOARDER, MemorySize=128, Timeout=60)
    answer = function.invoke(kind)
    if answer.error:
        assert answer.error_type in ("Runtime.OutOfMemory", "Runtime.ExitError"), answer.body
    else:
        # Old kernels count sockets apart from the rest, so that both together may be twice the limit.
        assert answer.payload <= 256
    assert bystander.ask() == 2


def test_temporary_storage_is_limited(functions, bystander):
    function = functions.create(
        """
import os
def handler(event, context):
    written = 0
    try:
        with open("/tmp/full", "wb", buffering=0) as file:
            while True:
                written += file.write(b"x" * (1 << 20))
    except OSError as error:
        os.unlink("/tmp/full")
        return [error.errno, written >> 20, os.statvfs("/tmp").f_bavail > 0]""",
        MemorySize=1024,
        Timeout=120,
    )
    errno, mebibytes, is_usable_again = function.ask()
    assert errno == 28
    # What was configured can be written, and little more: a file system needs some room for itself.
    assert 512 <= mebibytes <= 540
    assert is_usable_again
    assert bystander.ask() == 2


def test_binary_garbage_in_the_log_is_kept_apart_from_the_answer(functions):
    function = functions.create(
        """
import os
def handler(event, context):
    for _ in range(20):
        os.write(1, os.urandom(60_000) + b"\\0\\xff\\r")
    return "answered\"""",
    )
    answer = function.invoke({}, LogType="Tail")
    assert answer.payload == "answered"
    assert len(answer.log) <= 4096
    assert function.ask() == "answered"


# Init.


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (
            "import missing_module",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'missing_module'",
        ),
        ("def other(event, context): pass", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("raise RuntimeError('at load')", "RuntimeError", "at load"),
    ],
)
def test_init_error_is_returned(functions, source, kind, message):
    function = functions.create(source)
    for _ in range(2):
        answer = function.invoke({})
        assert answer.error_type == kind
        assert answer.error_message.startswith(message)


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("nohandler", "Runtime.MalformedHandlerName"),
        ("missing.handler", "Runtime.ImportModuleError"),
        ("app.missing", "Runtime.HandlerNotFound"),
    ],
)
def test_wrong_handler_name_is_returned(functions, handler, kind):
    function = functions.create("def handler(event, context): return 1", Handler=handler)
    assert function.invoke({}).error_type == kind


def test_node_errors_have_nodes_form(functions):
    code = package(
        {"index.js": "exports.handler = async (event) => { if (event) throw new TypeError('bad'); return 1 }"}
    )
    function = functions.create(code, Runtime=NODE, Handler="index.handler")
    answer = function.invoke(True)
    assert (answer.error_type, answer.error_message) == ("TypeError", "bad")
    assert answer.payload["trace"][0] == "TypeError: bad"
    assert function.ask() == 1


def test_exit_during_init_is_told(functions):
    function = functions.create("import os; os._exit(3)")
    answer = function.invoke({})
    assert answer.error_type == "Runtime.ExitError"
    assert answer.error_message == f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 3"


def test_init_that_hangs_times_out(functions):
    function = functions.create("import time; time.sleep(3600)", Timeout=1)
    # The init phase may take ten seconds; it is repeated under the function's own timeout.
    answer = function.invoke({})
    assert answer.error_type == "Sandbox.Timedout"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            package({"other": "x"}),
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        ),
        (package({"bootstrap": "#!/bin/sh\n"}), "fork/exec /var/task/bootstrap: permission denied"),
        (
            package_of([(entry("bootstrap", 0o755), b"\x7fELF" + bytes(200))]),
            "fork/exec /var/task/bootstrap: exec format error",
        ),
    ],
)
def test_bootstrap_that_cannot_be_executed_is_told(functions, code, message):
    function = functions.provided(code)
    for _ in range(2):
        answer = function.invoke({})
        assert answer.error_type == "Runtime.InvalidEntrypoint"
        assert answer.error_message == f"RequestId: {answer.request_id} Error: {message}"
