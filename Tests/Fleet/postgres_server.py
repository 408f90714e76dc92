"""PostgreSQL servers on the test's network."""

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from network import SUBNET
from programs import Program
from waiting import eventually

PORT = 5432
USER = "swiftlet"
#: A server refuses to run as root.
AS_OWNER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "there is no PostgreSQL server; run: scripts/bootstrap test"
    return found[-1]


class PostgresServer:
    """A server with its data in a temporary directory. What is committed outlives the process, but not the machine."""

    def __init__(self, host):
        self.host = host
        self.directory = Path(tempfile.mkdtemp(prefix="swiftlet-postgres-"))
        shutil.chown(self.directory, "postgres")
        self.data = self.directory / "data"
        self._options = [
            "listen_addresses=*", "fsync=off", "full_page_writes=off", "max_connections=400", "wal_level=replica",
            "hot_standby=on", "max_wal_senders=4", "unix_socket_directories=",
        ]  # fmt: skip
        self.program = None

    def _run(self, *command):
        command = [*AS_OWNER, *(str(part) for part in command)]
        done = subprocess.run(
            self.host.command(*command), capture_output=True, text=True, timeout=60, cwd=self.directory
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def create(self):
        self._run(
            _programs() / "initdb", f"--pgdata={self.data}", f"--username={USER}", "--auth=trust", "--no-sync",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {SUBNET}.0/24 trust\nhost replication all {SUBNET}.0/24 trust\n")
        return self

    def copy(self, primary):
        """Becomes a standby of another server, which has what is written before whoever writes hears that it is."""
        self._run(
            _programs() / "pg_basebackup", f"--pgdata={self.data}", "--write-recovery-conf", "--checkpoint=fast",
            "--no-sync", "--dbname", f"host={primary.host.address} user={USER} application_name=standby",
        )  # fmt: skip
        return self

    def start(self):
        options = [part for option in self._options for part in ("-c", option)]
        self.program = Program(
            "postgres", self.host, [*AS_OWNER, _programs() / "postgres", "-D", self.data, *options],
            self.directory / "server.log",
        ).start()  # fmt: skip
        eventually(self.is_ready, 30, "PostgreSQL answers")
        return self

    def is_ready(self):
        assert self.program.is_running, self.program.log
        command = [str(_programs() / "pg_isready"), f"--host={self.host.address}", "--quiet"]
        return subprocess.run(self.host.command(*command), timeout=20).returncode == 0

    def query(self, statement):
        return self._run(
            _programs() / "psql", f"--host={self.host.address}", f"--username={USER}", "--dbname=postgres", "--no-psqlrc",
            "--tuples-only", "--no-align", f"--command={statement}",
        ).strip()  # fmt: skip

    def wait_for_standby(self):
        """From now on nothing counts as written that the standby does not have."""
        self.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.query("SELECT pg_reload_conf()")
        eventually(
            lambda: self.query("SELECT sync_state FROM pg_stat_replication") == "sync", 30, "the standby follows"
        )

    def promote(self):
        """A standby becomes the server that is written to."""
        # Whoever waits for a standby of its own waits for ever.
        self.query("ALTER SYSTEM RESET synchronous_standby_names")
        self.query("SELECT pg_reload_conf()")
        self.query("SELECT pg_promote(true, 30)")

    def restart(self):
        """Stops as an operator does who does not wait, and starts again."""
        self.program.stop(signal.SIGINT)
        self.start()

    def kill(self):
        self.program.kill()

    def close(self):
        if self.program is not None and self.program.process is not None:
            # Its children go with it, unlike at a kill.
            self.program.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory)


def address(*servers):
    """Where a fleet finds whichever of these servers can be written to."""
    hosts = ",".join(server.host.address for server in servers)
    return f"postgresql://{USER}@{hosts}/postgres?target_session_attrs=read-write"
