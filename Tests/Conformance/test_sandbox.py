"""What a function finds around itself: user, limits, file systems, names, processors, output."""

import os
import re
import uuid

import pytest
from lambda_client import NODE, Functions, make_client
from packages import package, script_package
from test_logs import follow, reports

#: Evaluates each expression that it is sent, and tells the kind of exception where there is one.
EVALUATOR = """
import grp, multiprocessing, os, pwd, resource, socket, stat, subprocess, tempfile
def evaluate(text):
    try:
        return eval(text)
    except Exception as error:
        return type(error).__name__
def handler(event, context): return {text: evaluate(text) for text in event}
def mode(path):
    found = os.stat(path)
    return [found.st_uid, found.st_gid, oct(stat.S_IMODE(found.st_mode))]
def mount(path):
    for line in open("/proc/self/mounts"):
        fields = line.split()
        if fields[1] == path: return [fields[2], fields[3].split(",")[0]]
"""

UNLIMITED = -1

#: What each of these is on Lambda. Where Swiftlet differs by intent, the reason stands in docs/conformance.md.
EXPECTED = {
    # Who it is.
    "subprocess.run(['id'], capture_output=True, text=True).stdout": "uid=993(sbx_user1051) gid=990 groups=990\n",
    "pwd.getpwuid(os.getuid()).pw_name": "sbx_user1051",
    "grp.getgrgid(os.getgid())": "KeyError",
    "subprocess.run(['whoami'], capture_output=True, text=True).stdout": "sbx_user1051\n",
    "os.environ.get('HOME')": None,
    "pwd.getpwuid(os.getuid()).pw_dir": "/home/sbx_user1051",
    "os.path.exists('/home/sbx_user1051')": False,
    "os.getcwd()": "/var/task",
    # Limits.
    "resource.getrlimit(resource.RLIMIT_NOFILE)": [1024, 1024],
    "resource.getrlimit(resource.RLIMIT_MEMLOCK)": [65536, 65536],
    "resource.getrlimit(resource.RLIMIT_STACK)": [8 << 20, UNLIMITED],
    "resource.getrlimit(resource.RLIMIT_AS)": [UNLIMITED, UNLIMITED],
    "resource.getrlimit(resource.RLIMIT_DATA)": [UNLIMITED, UNLIMITED],
    "resource.getrlimit(resource.RLIMIT_CPU)": [UNLIMITED, UNLIMITED],
    "resource.getrlimit(resource.RLIMIT_FSIZE)": [UNLIMITED, UNLIMITED],
    "resource.getrlimit(resource.RLIMIT_CORE)": [0, 0],
    "resource.getrlimit(resource.RLIMIT_NPROC)": [742, 742],
    # Files.
    "mode('/var/task')": [0, 0, "0o755"],
    "mode('/opt')": [0, 0, "0o755"],
    "mode('/tmp')": [0, 0, "0o1777"],
    "mode('/var/task/app.py')": [0, 0, "0o644"],
    "mode('/var/task/tool')": [0, 0, "0o755"],
    "mount('/tmp')[1]": "rw",
    "mount('/var/task')[1]": "ro",
    "tempfile.gettempdir()": "/tmp",
    "os.path.exists('/dev/shm')": False,
    "multiprocessing.Queue()": "FileNotFoundError",
    "os.path.exists('/var/runtime/bootstrap.py')": True,
    # Names.
    "socket.gethostbyname('localhost')": "127.0.0.1",
    "socket.gethostbyname('sandbox.localdomain')": "127.0.0.1",
    "os.uname().sysname": "Linux",
}


@pytest.fixture(scope="module")
def found(server):
    """All of it at once, asked of one function."""
    functions = Functions(server, f"t-{uuid.uuid4().hex[:12]}")
    code = package({"app.py": EVALUATOR, "tool": "#!/bin/sh\n"}, executable={"tool"})
    yield functions.create(code).ask(list(EXPECTED))
    functions.close()


@pytest.mark.parametrize("text", EXPECTED)
def test_function_finds(found, text):
    assert found[text] == EXPECTED[text]


def test_own_time_zone_and_language_are_the_defaults(functions):
    function = functions.create("import os\ndef handler(event, context): return {n: os.environ[n] for n in event}")
    assert function.ask(["TZ", "LANG"]) == {"TZ": ":UTC", "LANG": "en_US.UTF-8"}


def test_variables_of_the_platform_are_all_there(functions):
    function = functions.create("import os\ndef handler(event, context): return dict(os.environ)")
    found = function.ask()
    patterns = {
        "AWS_ACCESS_KEY_ID": r"ASIA[A-Z2-7]{16}", "AWS_SECRET_ACCESS_KEY": r"\S{40}", "AWS_SESSION_TOKEN": r"\S{100,}",
        "AWS_LAMBDA_RUNTIME_API": r"[\d.]+:9001", "AWS_LAMBDA_METADATA_API": r"[\d.]+:\d+",
        "AWS_LAMBDA_METADATA_TOKEN": r"\S+", "AWS_XRAY_DAEMON_ADDRESS": r"169\.254\.100\.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": r"169\.254\.100\.1", "_AWS_XRAY_DAEMON_PORT": "2000",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "PWD": "/var/task", "SHLVL": "0",
        "AWS_LAMBDA_LOG_STREAM_NAME": r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}",
        "LD_LIBRARY_PATH": (
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
        ),
        "_X_AMZN_TRACE_ID": r"Root=1-\S+",
    }  # fmt: skip
    for name, pattern in patterns.items():
        assert re.fullmatch(pattern, found.get(name, "")), (name, found.get(name))
    assert "AWS_LAMBDA_LOG_FORMAT" not in found and "AWS_LAMBDA_LOG_LEVEL" not in found


def test_node_finds_its_variables(functions):
    code = package({"index.js": "exports.handler = async () => process.env"})
    function = functions.create(code, Runtime=NODE, Handler="index.handler")
    found = function.ask()
    version = NODE.removeprefix("nodejs").removesuffix(".x")
    assert found["NODE_PATH"] == (
        f"/opt/nodejs/node{version}/node_modules:/opt/nodejs/node_modules:"
        "/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert found["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{NODE}"
    assert found["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert "HOME" not in found


@pytest.mark.parametrize(
    ("runtime", "path"),
    [
        ("provided.al2023", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        ("provided.al2", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
    ],
)
def test_path_is_the_runtimes(functions, runtime, path):
    code = script_package("while True: respond(next_invoke()[0], json.dumps(os.environ['PATH']))")
    assert functions.create(code, Runtime=runtime, Handler="unused").ask() == path


def test_custom_runtime_has_no_variables_of_a_shell(functions):
    function = functions.provided(script_package("""
while True:
    request_id, event = next_invoke()
    respond(request_id, json.dumps(dict(os.environ)))
"""))
    found = function.ask()
    assert not {"PWD", "SHLVL", "HOME", "AWS_EXECUTION_ENV"} & set(found)
    assert found["PATH"].split(":")[-1] == "/opt/bin"


def test_missing_wrapper_is_exit_status_127(functions):
    function = functions.create(
        "def handler(event, context): pass", Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/missing"}}
    )
    answer = function.invoke({})
    assert answer.error_type == "Runtime.ExitError"
    assert answer.error_message == f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 127"


def test_custom_runtime_ignores_a_wrapper(functions):
    function = functions.provided(
        script_package("while True: respond(next_invoke()[0], '1')"),
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/missing"}},
    )
    assert function.ask() == 1


@pytest.mark.parametrize("memory", [128, 3008])
def test_memory_size_is_told_and_its_processors_seen(functions, memory):
    function = functions.create(
        "import os\ndef handler(event, context): return [context.memory_limit_in_mb, os.cpu_count()]", MemorySize=memory
    )
    told, processors = function.ask()
    assert int(told) == memory
    assert 1 <= processors <= os.cpu_count()


def test_both_outputs_are_the_log(functions):
    function = functions.create("""
import os, sys
def handler(event, context):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    with open("/dev/stdout", "w") as file: file.write("to the device\\n")
    with open("/dev/stderr", "w") as file: file.write("to the other device\\n")
""")
    lines = function.invoke({}, LogType="Tail").log.decode().splitlines()
    for line in "to stdout", "to stderr", "to the device", "to the other device":
        assert line in lines


def test_line_beyond_the_size_of_an_event_is_split(functions, server):
    """One line of text, longer than an event of the log can be, comes back whole in several."""
    size = 1_500_000
    function = functions.create(f"import os\ndef handler(event, context): print('x' * {size})", MemorySize=512)
    function.invoke({})
    events = follow(make_client(server, "logs"), f"/aws/lambda/{function.name}", reports)
    pieces = [event["message"].strip("\n") for event in events if event["message"].startswith("xx")]
    assert len(pieces) > 1
    assert all(len(piece) <= 1 << 20 for piece in pieces)
    assert sum(map(len, pieces)) == size
