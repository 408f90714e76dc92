"""What operators see of a fleet, and what they do to it: real processes on loopback, PostgreSQL, and a bucket.

    scripts/with-postgres .venv/bin/pytest Tests/Fleet/test_operators.py
"""

import concurrent.futures
import contextlib
import glob
import io
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import uuid
import zipfile

import boto3
import botocore.config
import botocore.exceptions
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SWIFTLET_BINARY", str(ROOT / ".build/release/swiftlet"))
POSTGRES = os.environ.get("SWIFTLET_TEST_POSTGRES")
PYTHON = "python%d.%d" % tuple(
    json.loads(subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print(list(sys.version_info[:2]))"],
        check=True, capture_output=True, text=True,
    ).stdout)
)  # fmt: skip
#: How long anything may take on a busy host, in seconds.
PATIENCE_SECONDS = 90

pytestmark = [
    # One of them restarts the server that all of them use.
    pytest.mark.xdist_group("fleet-operators"),
    pytest.mark.skipif(POSTGRES is None, reason="run with scripts/with-postgres"),
    pytest.mark.skipif(os.geteuid() != 0, reason="workers need root"),
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def eventually(look, what):
    """What `look` returns once it is true; it is asked again and again."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        value = look()
        if value:
            return value
        assert time.monotonic() < end, f"not in {PATIENCE_SECONDS} s: {what}; last: {value!r}"
        time.sleep(0.1)


class Fleet:
    """The processes of a fleet, each with a directory and a log."""

    def __init__(self, directory, memory_mb=2048, settings=None):
        self.directory = directory
        self.processes, self.ports = {}, {}
        self.memory_mb = memory_mb
        self.bucket_port = free_port()
        self.bucket = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(self.bucket_port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.environment = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
            "SWIFTLET_POSTGRES": POSTGRES, "SWIFTLET_POSTGRES_SCHEMA": f"operators_{uuid.uuid4().hex[:12]}",
            "SWIFTLET_CODE_BUCKET": "packages", "SWIFTLET_CODE_BUCKET_ENDPOINT": f"http://127.0.0.1:{self.bucket_port}",
            "SWIFTLET_AWS_ACCESS_KEY_ID": "any", "SWIFTLET_AWS_SECRET_ACCESS_KEY": "secret-of-the-bucket",
            "SWIFTLET_RUNTIMES": f"{ROOT / 'runtimes'}:{ROOT / '.runtimes'}", "SWIFTLET_WAITING_SANDBOXES": "0",
            **(settings or {}),
        }  # fmt: skip
        s3 = self.client("s3", self.bucket_port)
        eventually(lambda: self._make_bucket(s3), "a bucket")
        self.ca("init", "--fleet", "test")

    @staticmethod
    def _make_bucket(s3):
        with contextlib.suppress(botocore.exceptions.EndpointConnectionError):
            return s3.create_bucket(Bucket="packages")

    def ca(self, *arguments):
        command = [BINARY, "ca", *arguments, "--directory", str(self.directory / "ca")]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_SECONDS)

    def start(self, role, name, *arguments):
        """Starts a process; one with its name and directory may have been there before."""
        data = self.directory / name
        if not data.exists():
            data.mkdir(mode=0o700)
            self.ca("issue", role, name, "--out", str(data / "credentials"))
            self.ports[name] = free_port()
        command = [BINARY, role, "--data", str(data)]
        address = f"127.0.0.1:{self.ports[name]}"
        command += ["--listen" if role == "frontend" else "--fleet-listen", address]
        if role == "worker":
            command += ["--zone", f"zone-{name}", "--memory-budget", str(self.memory_mb)]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )

    def log(self, name):
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def stop(self, name, signal_number=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(signal_number)
        return process.wait(timeout=PATIENCE_SECONDS)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.ports['f1']}"

    def client(self, service="lambda", port=None):
        return boto3.client(
            service, endpoint_url=f"http://127.0.0.1:{port}" if port else self.endpoint, region_name="us-east-1",
            aws_access_key_id="any", aws_secret_access_key="any",
            config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_SECONDS),
        )  # fmt: skip

    def swiftlet(self, *arguments, status=0):
        """Runs a command as an operator does, and returns what it prints; if it is to fail, what it says."""
        done = subprocess.run(
            [BINARY, *arguments], capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS,
            env={"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": self.endpoint, "SWIFTLET_LOG_LEVEL": "error"},
        )  # fmt: skip
        assert done.returncode == status, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        return done.stdout if status == 0 else done.stdout + done.stderr

    def status(self):
        """The report as a program reads it, whatever is wrong."""
        done = subprocess.run(
            [BINARY, "status", "--json", "--endpoint", self.endpoint],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        return json.loads(done.stdout) if done.stdout.strip() else None

    def worker(self, name):
        workers = (self.status() or {"Workers": []})["Workers"]
        return next((worker for worker in workers if worker["Name"] == name), None)

    def settled(self):
        """The report once nothing is wrong."""

        def look():
            report = self.status()
            return report if report and not report["Problems"] else None

        return eventually(look, "that all is well")

    def create(self, source, name=None, **settings):
        name = name or f"f-{uuid.uuid4().hex[:8]}"
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w") as archive:
            archive.writestr("app.py", source)
        client = self.client()
        client.create_function(
            FunctionName=name, Runtime=PYTHON, Handler="app.handler", Role="arn:aws:iam::000000000000:role/any",
            Code={"ZipFile": output.getvalue()}, Timeout=60, **settings,
        )  # fmt: skip
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return name

    def invoke(self, name, payload=b"{}"):
        answer = self.client().invoke(FunctionName=name, Payload=payload)
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def close(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.bucket.kill()
        self.bucket.wait()


HELLO = "def handler(event, context):\n    return 'hello'\n"
#: Says that it has begun by a file in the function's own /tmp, and takes as long as it is told.
SLOW = "import time\ndef handler(event, context):\n    time.sleep(event['seconds'])\n    return 'done'\n"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        for role, name in [("manager", "m1"), ("manager", "m2"), ("worker", "w1"), ("worker", "w2"), ("frontend", "f1")]:
            fleet.start(role, name)
        fleet.settled()
        yield fleet
    finally:
        fleet.close()


@pytest.fixture(autouse=True)
def nothing_is_ordered(request):
    """Each test of the shared fleet leaves it as it was."""
    yield
    if "fleet" not in request.fixturenames:
        return
    fleet = request.getfixturevalue("fleet")
    for worker in ("w1", "w2"):
        fleet.swiftlet("worker", "uncordon", worker)
        fleet.swiftlet("worker", "resume", worker)
    fleet.settled()


def test_status_names_all_members_and_what_they_have(fleet):
    report = fleet.settled()
    assert report["IsFleet"] is True
    assert [manager["Member"]["Name"] for manager in report["Managers"]] == ["m1", "m2"]
    assert sum(manager["Partitions"] for manager in report["Managers"]) == report["Partitions"] == 256
    assert all(manager["PartitionsReady"] == manager["Partitions"] > 0 for manager in report["Managers"])
    assert [frontend["Member"]["Name"] for frontend in report["Frontends"]] == ["f1"]
    assert [worker["Zone"] for worker in report["Workers"]] == ["zone-w1", "zone-w2"]
    assert all(worker["MemoryMB"] == 2048 and worker["Connection"] == "present" for worker in report["Workers"])
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    members = [each["Member"] for role in ("Managers", "Workers", "Frontends") for each in report[role]]
    assert {member["Version"] for member in members} == {version}
    assert all(member["CertificateEnds"].endswith("Z") and member["LeaseSeconds"] > 0 for member in members)
    assert all(worker["LeaseEnds"].endswith("Z") for worker in report["Workers"])
    text = fleet.swiftlet("status")
    assert text.startswith("All is well.")
    assert re.search(r"^w1 +open +zone-w1 ", text, re.MULTILINE)
    assert "13 h 5" in text


def test_status_counts_environments_and_memory(fleet):
    name = fleet.create(HELLO, MemorySize=256)
    assert fleet.invoke(name) == (None, "hello")

    def look():
        workers = fleet.status()["Workers"]
        return sum(worker["Environments"]["Idle"] for worker in workers) >= 1 and sum(
            worker["PromisedMB"] for worker in workers
        ) >= 256

    eventually(look, "an idle environment with its memory")
    assert fleet.swiftlet("recycle", name) == "1 execution environment recycled\n"
    assert fleet.swiftlet("recycle", name) == "0 execution environments recycled\n"
    fleet.client().delete_function(FunctionName=name)


def explained(fleet, name):
    return json.loads(fleet.swiftlet("placement", "explain", name, "--json"))


def candidates(fleet, name):
    return [candidate["Worker"] for candidate in explained(fleet, name)["Candidates"]]


def only(fleet, worker, name):
    """Has new environments of a function be on one worker; its manager hears of an order a moment after it is stored."""
    fleet.swiftlet("worker", "cordon", "w2" if worker == "w1" else "w1")
    eventually(lambda: candidates(fleet, name) == [worker], f"that only {worker} may have {name}")


def test_workers_that_have_the_code_are_preferred(fleet):
    # A package of its own, which no worker has had.
    name = fleet.create(f"{HELLO}# {uuid.uuid4()}\n")

    def without_code():
        return {each["Worker"] for each in explained(fleet, name)["Candidates"] if each["Score"]["CodeMiss"] > 0}

    assert without_code() == {"w1", "w2"}
    only(fleet, "w2", name)
    assert fleet.invoke(name) == (None, "hello")
    fleet.swiftlet("worker", "uncordon", "w1")
    eventually(lambda: without_code() == {"w1"}, "that the manager has heard where the code is")
    fleet.swiftlet("recycle", name)
    eventually(lambda: explained(fleet, name)["Environments"] == 0, "that nothing else speaks for a worker")
    assert explained(fleet, name)["Worker"] == "w2"
    # A manager that has just come learns it anew.
    for manager in ("m1", "m2"):
        fleet.stop(manager)
        fleet.start("manager", manager)
    fleet.settled()
    eventually(lambda: without_code() == {"w1"}, "that a new manager has heard where the code is")
    fleet.client().delete_function(FunctionName=name)


def test_functions_that_use_much_of_the_cpu_are_known(fleet):
    busy = "import time\ndef handler(event, context):\n    end = time.monotonic() + 2\n    while time.monotonic() < end: pass\n"
    name, calm = fleet.create(busy), fleet.create(HELLO)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        is_known = threading.Event()

        def use():
            while not is_known.is_set():
                assert fleet.invoke(name) == (None, None)
                assert fleet.invoke(calm) == (None, "hello")

        used = pool.submit(use)
        try:
            eventually(lambda: used.done() or explained(fleet, name)["IsNoisy"], "that the function is noisy")
        finally:
            is_known.set()
        used.result()
    assert not explained(fleet, calm)["IsNoisy"]
    for function in (name, calm):
        fleet.client().delete_function(FunctionName=function)


def test_cordoned_worker_gets_nothing_new_and_stays_so_across_restarts(fleet):
    assert "w1" in fleet.swiftlet("worker", "cordon", "w1")
    name = fleet.create(HELLO)
    eventually(lambda: candidates(fleet, name) == ["w2"], "that the function's manager has heard of it")
    for process in ("m1", "m2", "w1"):
        fleet.stop(process)
        fleet.start({"m": "manager", "w": "worker"}[process[0]], process)
    eventually(lambda: (fleet.worker("w1") or {}).get("Connection") == "present", "w1 again")
    fleet.settled()
    assert fleet.worker("w1")["IsCordoned"] is True
    for _ in range(3):
        assert fleet.invoke(name) == (None, "hello")
        fleet.swiftlet("recycle", name)
    assert explained(fleet, name)["Worker"] == "w2"
    assert candidates(fleet, name) == ["w2"]
    assert "placed on w2" in fleet.swiftlet("placement", "explain", name)
    assert "cordoned" in fleet.swiftlet("status")
    assert fleet.worker("w1")["EnvironmentsOfAll"] == 0
    fleet.client().delete_function(FunctionName=name)


def test_drained_worker_finishes_what_runs_and_stays_drained_across_restarts(fleet):
    name = fleet.create(SLOW)
    only(fleet, "w1", name)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(fleet.invoke, name, b'{"seconds": 6}')
        eventually(lambda: fleet.worker("w1")["Environments"]["Busy"] == 1, "an invoke on w1")
        assert fleet.swiftlet("worker", "drain", "w1") == "w1 is being drained\n"
        eventually(lambda: fleet.worker("w1")["IsDraining"], "that w1 has heard of it")
        assert not running.done()
        assert "w1 is drained" in fleet.swiftlet("worker", "drain", "w1", "--wait")
        assert running.result() == (None, "done")
    assert fleet.worker("w1")["EnvironmentsOfAll"] == 0
    fleet.swiftlet("worker", "uncordon", "w2")
    restart_postgres()
    for process in ("w1", "m1", "m2"):
        fleet.stop(process)
        fleet.start({"m": "manager", "w": "worker"}[process[0]], process)
    eventually(lambda: (fleet.worker("w1") or {}).get("IsDraining"), "w1 again, and drained")
    fleet.settled()
    assert fleet.invoke(name, b'{"seconds": 0}') == (None, "done")
    assert fleet.worker("w1")["EnvironmentsOfAll"] == 0
    eventually(lambda: re.search(r"^w1 +drained ", fleet.swiftlet("status"), re.MULTILINE), "that w1 is drained")

    fleet.swiftlet("worker", "resume", "w1")
    only(fleet, "w1", name)
    fleet.swiftlet("recycle", name)
    assert fleet.invoke(name, b'{"seconds": 0}') == (None, "done")
    eventually(lambda: fleet.worker("w1")["EnvironmentsOfAll"] == 1, "an environment on w1")
    fleet.client().delete_function(FunctionName=name)


def restart_postgres():
    """Restarts the server that `scripts/with-postgres` runs; it comes back with what it had."""
    directory = dict(part.split("=", 1) for part in POSTGRES.split())["host"]
    control = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))[-1]
    options = (pathlib.Path(directory) / "data/postmaster.opts").read_text().split(" ", 1)[1].replace('"', "")
    command = [control, "--pgdata", f"{directory}/data", "--mode=fast", "--wait", "--silent", "--options", options.strip()]
    subprocess.run(
        ["runuser", "--user", "postgres", "--", *command, "--log", f"{directory}/server.log", "restart"],
        check=True, timeout=PATIENCE_SECONDS, cwd="/", stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_order_for_a_worker_that_is_down_can_be_taken_back(fleet):
    fleet.swiftlet("worker", "drain", "w2")
    fleet.stop("w2")
    eventually(lambda: (fleet.worker("w2") or {"Member": 1}).get("Member") is None, "that w2 is no member")
    assert "gone, draining" in fleet.swiftlet("status", status=0 if not fleet.status()["Problems"] else 1)
    assert "no member of the fleet" in fleet.swiftlet("worker", "drain", "w2", "--wait")
    fleet.swiftlet("worker", "resume", "w2")
    fleet.start("worker", "w2")
    eventually(lambda: (fleet.worker("w2") or {}).get("Connection") == "present", "w2 again")
    assert fleet.worker("w2")["IsDraining"] is False


def test_unknown_worker_and_function_are_said_so(fleet):
    for order in ("cordon", "uncordon", "drain", "resume"):
        assert "Worker not found" in fleet.swiftlet("worker", order, "nobody", status=1)
    assert "Function not found" in fleet.swiftlet("placement", "explain", "nobody", status=1)
    request = subprocess.run(
        ["curl", "-s", "-X", "POST", "-w", "%{http_code}", f"{fleet.endpoint}/swiftlet/2026-11-01/fleet/workers/x/drain"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert request.stdout.endswith("404")
    assert "no worker of the fleet is named x" in request.stdout


def test_provisioned_concurrency_becomes_ready_in_a_fleet(fleet):
    name = fleet.create(HELLO, Publish=True)
    client = fleet.client()
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=2)

    def look():
        found = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
        return found if found["Status"] == "READY" else None

    assert eventually(look, "READY")["AvailableProvisionedConcurrentExecutions"] == 2
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    client.delete_function(FunctionName=name)


def test_silent_worker_is_named_first(fleet):
    fleet.processes["w2"].send_signal(signal.SIGSTOP)
    try:
        def look():
            report = fleet.status()
            return report if report and any("worker w2 is silent" in problem for problem in report["Problems"]) else None

        report = eventually(look, "that w2 is silent")
        assert "m1" in report["Problems"][0] or "m2" in report["Problems"][0]
        text = fleet.swiftlet("status", status=1)
        assert text.startswith("WRONG OR SOON SO\n  ! worker w2 is silent")
        assert "SILENT" in text
    finally:
        fleet.processes["w2"].send_signal(signal.SIGCONT)


def test_manager_that_does_not_answer_is_said_so_in_time(fleet):
    fleet.processes["m2"].send_signal(signal.SIGSTOP)
    try:
        def look():
            report = fleet.status()
            return report if any("manager m2 does not answer" in problem for problem in report["Problems"]) else None

        begun = time.monotonic()
        report = look()
        # It may have been evicted on a slow host; then its partitions have no owner or another.
        assert report is None or next(m for m in report["Managers"] if m["Member"]["Name"] == "m2")["Silence"]
        assert time.monotonic() - begun < PATIENCE_SECONDS / 2
    finally:
        fleet.processes["m2"].send_signal(signal.SIGCONT)


def test_worker_that_is_told_to_end_shows_as_draining(fleet):
    name = fleet.create(SLOW)
    only(fleet, "w1", name)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(fleet.invoke, name, b'{"seconds": 8}')
        eventually(lambda: fleet.worker("w1")["Environments"]["Busy"] == 1, "an invoke on w1")
        fleet.processes["w1"].send_signal(signal.SIGTERM)
        worker = eventually(lambda: (lambda w: w if w and w["IsDraining"] else None)(fleet.worker("w1")), "w1 draining")
        assert worker["IsDrainOrdered"] is False
        # Operators cannot have it stay.
        fleet.swiftlet("worker", "resume", "w1")
        assert fleet.worker("w1")["IsDraining"] is True
        assert running.result() == (None, "done")
    assert fleet.processes.pop("w1").wait(timeout=PATIENCE_SECONDS) == 0
    fleet.start("worker", "w1")
    eventually(lambda: (fleet.worker("w1") or {}).get("Connection") == "present", "w1 again")
    fleet.client().delete_function(FunctionName=name)


def test_worker_that_dies_is_lost_and_then_forgotten(fleet):
    # Longer than it takes until what it had is taken for over.
    fleet.start("worker", "w4", "--member-lease", "16")
    eventually(lambda: (fleet.worker("w4") or {}).get("Connection") == "present", "w4")
    fleet.stop("w4", signal.SIGKILL)
    eventually(lambda: (fleet.worker("w4") or {}).get("Connection") == "lost", "that w4 is lost")
    assert any("worker w4 is lost" in problem for problem in fleet.status()["Problems"])
    eventually(lambda: fleet.worker("w4") is None, "that w4 is forgotten")


def test_worker_whose_lease_ends_says_so_and_leaves(fleet):
    fleet.start("worker", "w3", "--lease", "60")
    problem = eventually(
        lambda: next((each for each in (fleet.status() or {"Problems": []})["Problems"] if "lease of worker w3" in each), None),
        "a word of w3's lease",
    )
    assert re.fullmatch(r"the lease of worker w3 ends at \S+Z: it finishes what runs, and leaves", problem)
    assert re.search(r"^w3 .* 0 min ", fleet.swiftlet("status", status=1), re.MULTILINE)
    assert fleet.processes.pop("w3").wait(timeout=PATIENCE_SECONDS) == 0
    assert "the worker's lease nears its end" in fleet.log("w3")
    eventually(lambda: (fleet.worker("w3") or {}).get("Member") is None, "that w3 is no member")


HOOK = """#!/bin/sh
# Keeps what it is told; the first time it fails.
cd "$(dirname "$0")" || exit 1
document=$(cat)
printf '%s\\n' "$document" >> told.jsonl
env | sort > environment
ls /proc/self/fd | wc -w > descriptors
echo "told"
test "$(wc -l < told.jsonl)" -gt 1 || exit 3
"""


def test_autoscaling_hook_is_told_what_is_missing(tmp_path):
    hook = tmp_path / "hook"
    hook.write_text(HOOK)
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    fleet = Fleet(tmp_path / "fleet-directory" if (tmp_path / "fleet-directory").mkdir() is None else None, memory_mb=256)
    try:
        fleet.start("manager", "m1", "--autoscale-hook", str(hook), "--autoscale-interval", "1")
        fleet.start("worker", "w1")
        fleet.start("frontend", "f1")
        fleet.settled()
        eventually(lambda: fleet.status().get("Capacity"), "a plan")
        name = fleet.create(SLOW, MemorySize=128)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            calls = [pool.submit(fleet.client().invoke, FunctionName=name, Payload=b'{"seconds": 10}') for _ in range(3)]
            told = tmp_path / "told.jsonl"
            eventually(lambda: told.exists() and len(told.read_text().splitlines()) >= 2, "that the hook was told twice")
            for call in calls:
                with contextlib.suppress(botocore.exceptions.ClientError):
                    call.result()
        document = json.loads(told.read_text().splitlines()[0])
        assert document["Desired"] > document["Present"] == 1
        assert document["Zones"] == [{"Name": "zone-w1", "Desired": document["Desired"], "Present": 1}]
        assert document["Emptiest"][0]["Name"] == "w1"
        environment = (tmp_path / "environment").read_text()
        assert "SWIFTLET" not in environment and "secret" not in environment
        # Its three, and the one with which it looks.
        assert int((tmp_path / "descriptors").read_text()) == 4
        log = fleet.log("m1")
        assert "the autoscaling hook has failed" in log and "exited with status 3" in log
        eventually(lambda: "the autoscaling hook has been told" in fleet.log("m1"), "that it succeeded then")
        assert "capacity.desired" in log
        report = fleet.status()
        assert report["Capacity"]["Desired"] >= 2
        assert any("workers are wanted, and there are 1" in problem for problem in report["Problems"])
    finally:
        fleet.close()


def test_who_has_no_right_to_it_sees_and_orders_nothing(tmp_path):
    data, port = tmp_path / "data", free_port()
    added = subprocess.run(
        [BINARY, "user", "add", "guest", "--data", str(data)], check=True, capture_output=True, text=True
    ).stdout
    keys = dict(re.findall(r"^export (\w+)=(\S+)$", added, re.MULTILINE))
    process = subprocess.Popen(
        [BINARY, "serve", "--authentication", "required", "--listen", f"127.0.0.1:{port}", "--data", str(data)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    try:
        environment = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", **keys}

        def say(*arguments):
            done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, env=environment)
            assert done.returncode == 1
            return done.stderr

        eventually(lambda: "there is no server" not in say("status"), "a server")
        assert "is not authorized to perform: lambda:GetAccountSettings" in say("status")
        assert "is not authorized to perform: swiftlet:OrderWorker" in say("worker", "drain", "w1")
        assert "is not authorized to perform: lambda:GetFunctionConfiguration" in say("placement", "explain", "f")
        del environment["AWS_ACCESS_KEY_ID"]
        assert "Missing Authentication Token" in say("worker", "drain", "w1")
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def test_one_process_says_that_there_is_no_fleet(tmp_path):
    port = free_port()
    process = subprocess.Popen(
        [
            BINARY, "serve", "--listen", f"127.0.0.1:{port}", "--data", str(tmp_path / "data"),
            "--runtimes", f"{ROOT / 'runtimes'}:{ROOT / '.runtimes'}",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        command = [BINARY, "status", "--endpoint", f"http://127.0.0.1:{port}"]
        done = eventually(
            lambda: (lambda ran: ran if ran.returncode == 0 else None)(
                subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
            ),
            "an answer",
        )
        assert done.stdout.startswith("There is no fleet: everything runs in one process on this host.")
        refused = subprocess.run(
            [BINARY, "worker", "drain", "w1", "--endpoint", f"http://127.0.0.1:{port}"],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        assert refused.returncode == 1
        assert "There is no fleet" in refused.stderr
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)
