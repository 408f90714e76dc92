"""What a function can see of a runtime that was started before it: nothing that it would not see otherwise."""

import json

VIEW_PYTHON = """
import gc, json, os, sys, time, warnings
def target(number):
    try: return os.readlink(f"/proc/self/fd/{number}")
    except OSError: return "/proc"
def handler(event, context):
    files = {number: target(number) for number in os.listdir("/proc/self/fd")}
    return {
        "argv": sys.argv[1:], "path": sys.path, "cwd": os.getcwd(), "pwd": os.environ.get("PWD"),
        "environment": sorted(k for k in os.environ if k != "LC_CTYPE"), "zone": time.tzname, "flags": str(sys.flags),
        "filters": len(warnings.filters), "main": sys.modules["__main__"].__file__,
        "streams": [sys.stdout.fileno(), sys.stderr.fileno()], "hooks": str(sys.excepthook),
        "shown": sorted(filter(None, open("/proc/self/environ").read().split(chr(0)))),
        "ours": [n for n in sys.modules if "swiftlet" in n], "frozen": gc.get_freeze_count(),
        "command": open("/proc/self/cmdline").read().split(chr(0))[1:3],
        "files": [t for n, t in files.items() if int(n) > 2 and not t.startswith(("socket:", "anon_inode:", "/proc"))],
        "sockets": sum(t.startswith("socket:") for t in files.values()),
    }
"""
VIEW_NODE = """
const fs = require('fs');
exports.handler = async () => ({
    argv: process.argv, execArgv: process.execArgv, title: process.title, cwd: process.cwd(),
    environment: Object.keys(process.env).sort(), zone: new Date(0).getTimezoneOffset(),
    shown: fs.readFileSync('/proc/self/environ', 'utf8').split('\\0').filter(Boolean).sort(),
    command: fs.readFileSync('/proc/self/cmdline', 'utf8').split('\\0'), main: require.main?.filename,
    ours: Object.keys(require.cache).filter((name) => name.startsWith('/var/task')),
    files: fs.readdirSync('/proc/self/fd').map((n) => { try { return fs.readlinkSync(`/proc/self/fd/${n}`); } catch { return ''; } })
        .filter((target) => !/^(socket|anon_inode|pipe):|^\\/proc|^$/.test(target)),
    listeners: process.eventNames().map(String).sort(),
});
"""


def view(runtime):
    payload = runtime.invoke({}).payload
    payload["environment"] = [name for name in payload["environment"] if name != "_X_AMZN_TRACE_ID"]
    payload["shown"] = [text for text in payload["shown"] if not text.startswith("AWS_LAMBDA_RUNTIME_API=")]
    return payload


def test_python_function_sees_the_same(start_both):
    cold, waiting = map(view, start_both("python", {"app.py": VIEW_PYTHON}, environment={"TZ": ":Europe/Paris"}))
    assert waiting == cold
    assert cold["zone"] == ["CET", "CEST"]
    assert cold["argv"] == ["app.handler"]


def test_node_function_sees_the_same(start_both):
    cold, waiting = map(view, start_both("node", {"index.js": VIEW_NODE}, environment={"TZ": ":Europe/Paris"}))
    assert waiting == cold
    assert cold["zone"] == -60


def test_python_log_format_of_the_function_counts(start_both):
    source = "import logging\ndef handler(event, context): logging.getLogger().warning('hello')"
    environment = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    for runtime in start_both("python", {"app.py": source}, environment=environment):
        runtime.invoke({})
        runtime.process.terminate()
        runtime.exit_status()
        assert json.loads(runtime.log.splitlines()[-1])["message"] == "hello"


def test_python_function_gets_its_own_module_though_the_runtime_has_imported_another(start_both):
    files = {
        "app.py": "import base64, sys\ndef handler(event, context): return [base64.mine, sys.argv[1:], sys.orig_argv[-1]]",
        "base64.py": "mine = 1\nb64encode = b64decode = None\n",
    }
    for runtime in start_both("python", files):
        assert runtime.invoke({}).payload == [1, ["app.handler"], "app.handler"]


def test_variables_of_every_form_arrive(start_both):
    strange = {"EMPTY": "", "EQUALS": "a=b=c", "LINES": "a\nb", "WORDS": "ü 漢字 \U0001f600", "LONG": "x" * 4000}
    python = "import os\ndef handler(event, context): return {k: os.environ[k] for k in event}"
    node = "exports.handler = async (event) => Object.fromEntries(event.map((k) => [k, process.env[k]]));"
    runtimes = start_both("python", {"app.py": python}, environment=strange)
    runtimes += start_both("node", {"index.js": node}, environment=strange)
    for runtime in runtimes:
        assert runtime.invoke(list(strange)).payload == strange


def test_ends_when_it_is_told_of_no_function(start_untold):
    for name in "python", "node":
        process = start_untold(name)
        assert process.wait(timeout=30) == 0
