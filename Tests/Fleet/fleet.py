"""Fleets of Swiftlet on hosts of the test's network: each role a process with a data directory and certificate of its own."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from fleet_paths import BINARY, PYTHON, ROOT
from programs import Program
from waiting import eventually

OBJECTS_PORT = 9750
FRONTEND_PORT, MANAGER_PORT, WORKER_PORT, AUTHORITY_PORT = 9000, 9001, 9002, 9003
BUCKET = "packages"

#: How long others hear nothing of a member until they take it for dead, in seconds.
MEMBER_LEASE = 2
#: How long a worker goes on by itself, and how long managers wait until they take what it ran for over, in seconds.
LEASH = 5
FENCE = LEASH * 1.1
#: After so much silence a connection counts as lost, in seconds.
SILENCE_MAX = LEASH * 0.6
MEMORY_BUDGET_MB = 4096


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"
    return done.stdout


class Objects:
    """moto's server, which has the bucket of packages."""

    def __init__(self, host, directory):
        self.host = host
        self.endpoint = f"http://{host.address}:{OBJECTS_PORT}"
        server = Path(sys.executable).parent / "moto_server"
        self.program = Program(
            "moto", host, [server, "-H", host.address, "-p", OBJECTS_PORT], directory / "moto.log"
        ).start()
        eventually(self._makes_bucket, 60, "the bucket is there")

    def _makes_bucket(self):
        assert self.program.is_running, self.program.log
        connection = http.client.HTTPConnection(self.host.address, OBJECTS_PORT, timeout=20)
        try:
            connection.request("PUT", f"/{BUCKET}")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def close(self):
        if self.program.is_running:
            self.program.stop()


class Authority:
    """Issues the hosts' certificates."""

    def __init__(self, directory, host=None):
        self.directory = directory / "authority"
        self.host = host
        self.program = None
        run(BINARY, "ca", "init", "--directory", self.directory, "--fleet", "test")

    def issue(self, role, name, out, valid="24h"):
        run(BINARY, "ca", "issue", role, name, "--directory", self.directory, "--out", out, "--valid", valid)

    def serve(self, log_path, valid):
        """Renews certificates from now on, each for so long."""
        self.program = Program(
            "authority", self.host,
            [BINARY, "ca", "serve", "--directory", self.directory, "--listen", self.address, "--valid", valid],
            log_path,
        ).start()  # fmt: skip
        self.program.wait_for_line("the authority listens")

    @property
    def address(self):
        return f"{self.host.address}:{AUTHORITY_PORT}"

    def close(self):
        if self.program is not None and self.program.is_running:
            self.program.stop()


class Member(Program):
    """One host of the fleet."""

    def __init__(self, fleet, role, name, data=None, options=(), environment=None, valid="24h"):
        self.role = role
        self.data = data or fleet.directory / name
        self.port = {"manager": MANAGER_PORT, "worker": WORKER_PORT, "frontend": FRONTEND_PORT}[role]
        host = fleet.network.host(f"{fleet.name}-{name}")
        address = f"{host.address}:{self.port}"
        self.credentials = fleet.directory / f"{name}-credentials"
        fleet.authority.issue(role, name, self.credentials, valid)
        self.data.mkdir(exist_ok=True)
        self.data.chmod(0o700)
        listening = ["--listen", address, "--authentication", "off"] if role == "frontend" else ["--fleet-listen", address]
        placed = ["--zone", name, "--memory-budget", MEMORY_BUDGET_MB, "--waiting-sandboxes", 2] if role == "worker" else []
        super().__init__(
            name, host,
            [
                BINARY, role, "--data", self.data, "--credentials", self.credentials, *listening, *placed,
                *fleet.options, *options,
            ],
            fleet.directory / f"{name}.log", {**fleet.environment, **(environment or {})},
        )  # fmt: skip

    def get(self, path, seconds=2):
        """The status of an answer of a frontend; nil if there is none."""
        connection = http.client.HTTPConnection(self.host.address, FRONTEND_PORT, timeout=seconds)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def connect_seconds(self):
        """How long it takes to connect to it."""
        start = time.monotonic()
        socket.create_connection((self.host.address, self.port), timeout=5).close()
        return time.monotonic() - start

    def wait_until_healthy(self):
        def look():
            assert self.is_running, f"{self.name} has ended:\n{self.log[-4000:]}"
            return self.get("/healthz") == 200

        eventually(look, 60, f"{self.name} is healthy")


class Fleet:
    """Some managers, workers and frontends."""

    #: So that a mistake cannot fill the machine.
    MEMBERS_MAX = 16

    def __init__(self, network, postgres, objects, witness, directory, name, concurrency=40):
        self.network = network
        self.directory = directory
        self.name = name
        self.witness = witness
        self.members = {}
        self.options = [
            "--member-lease", MEMBER_LEASE, "--leash", LEASH, "--concurrency", concurrency, "--request-rate", 0,
            "--code-bucket", BUCKET, "--code-bucket-endpoint", objects.endpoint, "--aws-access-key-id", "any",
            "--retry-delay", 1, "--idle-timeout", 60, "--event-loops", 1,
        ]  # fmt: skip
        self.environment = {
            "SWIFTLET_POSTGRES": postgres, "SWIFTLET_POSTGRES_SCHEMA": name.replace("-", "_"),
            "SWIFTLET_AWS_SECRET_ACCESS_KEY": "any", "SWIFTLET_RUNTIMES": f"{witness.runtimes}:{ROOT / 'runtimes'}",
            "SWIFTLET_LOG_LEVEL": os.environ.get("SWIFTLET_FAULT_LOG_LEVEL", "info"),
        }  # fmt: skip
        self.authority = Authority(directory, network.host("authority"))

    def add(self, role, name, **options):
        """A host that is not started yet."""
        assert len(self.members) < self.MEMBERS_MAX, "there are too many hosts"
        member = Member(self, role, name, **options)
        self.members[name] = member
        return member

    def of(self, role):
        return [member for member in self.members.values() if member.role == role]

    @property
    def managers(self):
        return self.of("manager")

    @property
    def workers(self):
        return self.of("worker")

    @property
    def frontends(self):
        return self.of("frontend")

    def deploy(self, code, functions):
        """Creates functions by a frontend whose account is large enough for what is reserved of it: name -> reserved."""
        deployer = self.add("frontend", "deployer", options=["--concurrency", "1000"]).start()
        deployer.wait_until_healthy()
        for name, reserved in functions.items():
            body = {
                "FunctionName": name, "Runtime": PYTHON, "Handler": "app.handler", "Timeout": 60, "MemorySize": 128,
                "Role": "arn:aws:iam::000000000000:role/test", "Code": {"ZipFile": base64.b64encode(code).decode()},
            }  # fmt: skip
            self._manage(deployer, "POST", "/2015-03-31/functions", body, 201)
            if reserved is not None:
                path = f"/2017-10-31/functions/{name}/concurrency"
                self._manage(deployer, "PUT", path, {"ReservedConcurrentExecutions": reserved}, 200)
        for name in functions:
            eventually(lambda: self._state(deployer, name) == "Active", 60, f"{name} is active")
        assert deployer.stop() == 0
        del self.members["deployer"]

    @staticmethod
    def _manage(frontend, method, path, body, status):
        connection = http.client.HTTPConnection(frontend.host.address, FRONTEND_PORT, timeout=30)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            assert response.status == status, answer
            return json.loads(answer)
        finally:
            connection.close()

    def _state(self, frontend, name):
        path = f"/2015-03-31/functions/{name}"
        return self._manage(frontend, "GET", path, None, 200)["Configuration"]["State"]

    def start(self):
        """Starts whoever does not run. Whether the fleet works, an invoke tells."""
        for member in self.members.values():
            if member.is_frozen:
                member.thaw()
            if not member.is_running:
                member.process = None
                member.start()
        for frontend in self.frontends:
            frontend.wait_until_healthy()

    def check_all_run(self):
        for member in self.members.values():
            assert member.is_running, f"{member.name} has ended:\n{member.log[-2000:]}"

    def close(self):
        """Ends all. A host that does not end within its time is killed, and the test fails."""
        running = [member for member in reversed(self.members.values()) if member.is_running]
        # Those who wait first: a worker ends when its last environment has.
        for member in running:
            member.ask_to_stop()
        failures = []
        for member in running:
            try:
                status = member.wait()
            except AssertionError as error:
                failures.append(str(error))
            else:
                if status != 0:
                    failures.append(f"{member.name} ended with status {status}:\n{member.log[-2000:]}")
        self.authority.close()
        assert not failures, "\n".join(failures)
