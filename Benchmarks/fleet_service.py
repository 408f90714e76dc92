"""A fleet under measurement: one frontend, one manager and one worker, each on a host of a network of namespaces."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from service import BINARY, CLOCK_TICKS_PER_SECOND, MEMORY_BUDGET_MB, ROOT, START_SECONDS_MAX, Service, free_port

BUCKET = "packages"
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
BENCH_PYTHON = ROOT / ".venv-bench/bin/python"
ROLES = ("manager", "worker", "frontend")


class Fleet(Service):
    """Use as a context manager, within `scripts/with-postgres`."""

    def __init__(self, network, *arguments):
        super().__init__(*arguments, host=network.host("frontend"))
        self._network = network
        if "SWIFTLET_TEST_POSTGRES" not in os.environ:
            raise SystemExit("there is no PostgreSQL server; run: scripts/with-postgres python3 Benchmarks/run.py fleet")
        self._processes = {}

    def _start(self, look_seconds=0.05):
        self._start_bucket()
        authority = f"{self._directory}/authority"
        subprocess.run(
            [str(BINARY), "ca", "init", "--directory", authority, "--fleet", "bench"], check=True, stdout=self._log
        )
        for role in ROLES:
            self._start_role(role, authority)
        self._process = self._processes["frontend"]
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_healthy():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes.values()):
                self.__exit__()
                raise SystemExit(f"the fleet did not start; its log:\n{self.log}")
            time.sleep(look_seconds)

    def _start_bucket(self):
        port = free_port()
        host = self._network.host("bucket")
        self._bucket = f"http://{host.address}:{port}"
        self._store = subprocess.Popen(
            self._on(host, str(BENCH_PYTHON), "-m", "moto.server", "--host", host.address, "--port", str(port)),
            env={**os.environ, **KEYS}, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        script = (
            "import boto3, sys, botocore.config\n"
            "retries = botocore.config.Config(retries={'max_attempts': 20, 'mode': 'standard'})\n"
            "boto3.client('s3', endpoint_url=sys.argv[1], config=retries).create_bucket(Bucket=sys.argv[2])\n"
        )
        subprocess.run(
            [str(BENCH_PYTHON), "-c", script, self._bucket, BUCKET], env={**os.environ, **KEYS}, check=True
        )

    def _start_role(self, role, authority):
        credentials = f"{self._directory}/{role}/credentials"
        os.makedirs(f"{self._directory}/{role}", mode=0o700)
        subprocess.run(
            [str(BINARY), "ca", "issue", role, "bench", "--directory", authority, "--out", credentials],
            check=True, stdout=self._log,
        )  # fmt: skip
        environment = {
            **os.environ,
            "SWIFTLET_POSTGRES": os.environ["SWIFTLET_TEST_POSTGRES"],
            "SWIFTLET_POSTGRES_SCHEMA": f"bench_{self.port}",
            "SWIFTLET_AWS_ACCESS_KEY_ID": "bench",
            "SWIFTLET_AWS_SECRET_ACCESS_KEY": "bench",
        }
        host = self._network.host(role)
        listening = {"frontend": ["--listen", f"{host.address}:{self.port}", "--authentication", "off"]}.get(
            role, ["--fleet-listen", f"{host.address}:{free_port()}"]
        )
        self._processes[role] = subprocess.Popen(
            self._on(
                host, str(BINARY), role, "--data", f"{self._directory}/{role}", "--credentials", credentials,
                "--code-bucket", BUCKET, "--code-bucket-endpoint", self._bucket,
                "--runtimes", f"{ROOT}/runtimes:{ROOT}/.runtimes",
                "--memory-budget", str(MEMORY_BUDGET_MB), "--request-rate", "0", *listening, *self._arguments,
            ),
            env=environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def __exit__(self, *_):
        # Clients' side first, so that nobody misses anybody.
        for role in reversed(ROLES):
            if role in self._processes and self._processes[role].poll() is None:
                self._processes[role].terminate()
                self._processes[role].wait()
        self._store.kill()
        self._store.wait()
        self._log.close()
        if all(process.returncode == 0 for process in self._processes.values()):
            shutil.rmtree(self._directory, ignore_errors=True)

    def cpu_seconds_by_role(self):
        """What each role's process has used so far, user and system time of all its threads."""
        used = {}
        for role, process in self._processes.items():
            text = Path(f"/proc/{process.pid}/stat").read_text()
            fields = text[text.rindex(")") + 2 :].split()
            used[role] = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_SECOND
        return used

    def cpu_seconds(self):
        return sum(self.cpu_seconds_by_role().values())
