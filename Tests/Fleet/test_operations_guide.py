"""The guide "From one laptop to three hosts" of docs/operations.md, typed word for word.

The three hosts are network namespaces with the guide's own addresses, each with an /etc, /var/lib, /root and /opt of its own. Not there
are systemd and ssh: in their place, `systemctl` starts what a unit says (its program, user, environment files and signals), and
`ssh` and `scp` run and copy on another of the hosts. Everything else is what an operator would have.

    .venv/bin/pytest Tests/Fleet/test_operations_guide.py
"""

import glob
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SWIFTLET_BINARY", ROOT / ".build/release/swiftlet"))
#: How long a block that is repeated "until it succeeds" may take, and any other, in seconds.
PATIENCE_SECONDS = 180
HOSTS = ("1", "2", "3")
NEEDED = ("ip", "unshare", "nsenter", "setpriv", "psql", "zip", "runuser")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces"),
    pytest.mark.skipif(any(shutil.which(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}"),
]

SYSTEMCTL = r'''#!/usr/bin/python3
"""Does with a unit what systemd would, as far as the guide needs it."""
import os, pathlib, shlex, signal, subprocess, sys, time

state = pathlib.Path("/root/.units")
state.mkdir(exist_ok=True)

def settings(unit):
    text = pathlib.Path(f"/etc/systemd/system/{unit}.service").read_text()
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return [tuple(line.split("=", 1)) for line in lines]

def start(unit):
    unit_settings = settings(unit)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
    for name, value in unit_settings:
        if name == "EnvironmentFile":
            file = pathlib.Path(value.removeprefix("-"))
            if file.exists() or not value.startswith("-"):
                environment |= dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    values = dict(unit_settings)
    directory = pathlib.Path("/var/lib") / values["StateDirectory"]
    directory.mkdir(mode=0o700, exist_ok=True)
    command = shlex.split(values["ExecStart"])
    for name, value in environment.items():
        command = [part.replace("${%s}" % name, value) for part in command]
    if "User" in values:
        give(directory, values["User"])
        rights = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        command = ["setpriv", f"--reuid={values['User']}", f"--regid={values['Group']}", *rights, *command]
    elif "CapabilityBoundingSet" in values:
        kept = [name.removeprefix("CAP_").lower() for name in values["CapabilityBoundingSet"].split()]
        command = ["setpriv", "--bounding-set=-all," + ",".join(f"+{name}" for name in kept), *command]
    log = open(f"/root/.units/{unit}.log", "ab")
    process = subprocess.Popen(
        command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )
    (state / unit).write_text(str(process.pid))

def give(directory, user):
    subprocess.run(["chown", "-R", f"{user}:", str(directory)], check=True)

def stop(unit):
    file = state / unit
    if not file.exists():
        return
    pid = int(file.read_text())
    file.unlink()
    end = time.monotonic() + int(dict(settings(unit))["TimeoutStopSec"])
    try:
        os.kill(pid, getattr(signal, dict(settings(unit))["KillSignal"]))
        while not gone(pid):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    except ProcessLookupError:
        pass

def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True

verb, *units = [argument for argument in sys.argv[1:] if argument != "--now"]
if verb == "restart" and units == ["postgresql"]:
    subprocess.run(["/root/.restart-postgresql"], check=True)
elif verb == "daemon-reload":
    pass
else:
    for unit in units:
        if verb in ("restart", "stop"):
            stop(unit)
        if verb in ("restart", "enable", "start"):
            start(unit)
'''

SSH = r'''#!/bin/bash
# ssh root@10.0.0.N COMMAND...
n=${1##*.}; shift
exec nsenter --target "$(cat "$HOSTS_DIRECTORY/$n.pid")" --mount --net -- "$@"
'''

SCP = r'''#!/bin/bash
# scp [-r] [-p] FILE root@10.0.0.N:PATH
options=(); while [[ $1 == -* ]]; do options+=("$1"); shift; done
n=${2#*@10.0.0.}; target=${n#*:}; n=${n%%:*}
source=$(dirname "$1"); name=$(basename "$1")
inside=(nsenter --target "$(cat "$HOSTS_DIRECTORY/$n.pid")" --mount --net --)
# As scp has it: below a directory that is there, else under that name.
if "${inside[@]}" test -d "$target"; then below=$target; else below=$(dirname "$target"); fi
tar -C "$source" -cf - "$name" | "${inside[@]}" tar -C "$below" --no-same-owner -xf - || exit 1
if [ "$below" != "$target" ] && [ "$below/$name" != "$target" ]; then "${inside[@]}" mv "$below/$name" "$target"; fi
'''


def blocks():
    """The guide's blocks, each with where it is typed and whether it is repeated until it succeeds."""
    text = (ROOT / "docs/operations.md").read_text()
    section = text.split("\n## From one laptop to three hosts\n", 1)[1].split("\n## ", 1)[0]
    found = []
    for heading, body in re.findall(r"^(?:### (.*?)$)|^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        if heading:
            current = heading
            continue
        where = re.match(r"# (all hosts|host (\d))(, until it succeeds)?\n", body)
        assert where, f"a block does not say where it is typed:\n{body}"
        hosts = HOSTS if where[1] == "all hosts" else (where[2],)
        found.append((current, hosts, bool(where[3]), body))
    return found


class ThreeHosts:
    """The hosts, and the wire between them."""

    def __init__(self, directory):
        self.directory = directory
        self.tools = directory / "tools"
        self.tools.mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("ssh", SSH), ("scp", SCP)):
            (self.tools / name).write_text(text)
            (self.tools / name).chmod(0o755)
        (directory / "opt").mkdir()
        (directory / "local-bin").mkdir()
        self.holders, self.services = {}, []
        # The wire is in a namespace, too, so that nothing of it is the real host's.
        self.wire = self._hold("wire", "true")
        self._in("wire", "ip link add br0 type bridge && ip link set br0 up && ip link set lo up")
        for n in HOSTS:
            self._start_host(n)

    def _hold(self, name, setup):
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", f"{setup} && echo ready && exec sleep infinity"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        self.holders[name] = process
        (self.directory / f"{name}.pid").write_text(str(process.pid))
        return process

    def _start_host(self, n):
        own = self.directory / f"host-{n}"
        shutil.copytree("/etc", own / "etc", symlinks=True, ignore=lambda *_: ["swiftlet"])
        for name in ("var-lib", "root"):
            (own / name).mkdir()
        (own / "etc/hosts").write_text("127.0.0.1 localhost\n")
        # What else the real host has there, such as a compiler with the libraries of a debug build, stays.
        kept = [path for path in pathlib.Path("/opt").iterdir() if path.is_dir() and path.name != "swiftlet"]
        for path in kept:
            (self.directory / "opt" / path.name).mkdir(exist_ok=True)
        mounts = {path: self.directory / "opt" / path.name for path in kept}
        mounts |= {
            own / "etc": "/etc", own / "var-lib": "/var/lib", own / "root": "/root",
            self.directory / "opt": "/opt", self.directory / "local-bin": "/usr/local/bin",
        }  # fmt: skip
        self._hold(n, " && ".join(f"mount --rbind {source} {target}" for source, target in mounts.items()))
        pid = self.holders[n].pid
        self._in("wire", f"ip link add wire{n} type veth peer name eth0 netns {pid} && ip link set wire{n} master br0 up")
        self._in(n, f"ip link set lo up && ip address add 10.0.0.{n}/24 dev eth0 && ip link set eth0 up")

    def _in(self, name, script, check=True, **options):
        return subprocess.run(self._inside(name) + ["bash", "-c", script], check=check, **options)

    def _inside(self, name):
        return ["nsenter", "--target", str(self.holders[name].pid), "--mount", "--net", "--"]

    def type(self, n, script):
        """Types a block on a host, in the directory of the sources, and stops at the first error."""
        path = f"{self.tools}:{pathlib.Path(sys.executable).parent}:/usr/local/bin:{os.environ['PATH']}"
        work = self.directory / f"host-{n}" / "sources"
        if not work.exists():
            work.mkdir()
            for entry in ("deploy", "runtimes", ".runtimes"):
                (work / entry).symlink_to(ROOT / entry)
            (work / ".build").mkdir()
            (work / ".build/release").symlink_to(BINARY.parent)
        return subprocess.run(
            [*self._inside(n), "bash", "-e", "-o", "pipefail", "-c", f"cd {work}\n{script}"],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS,
            env={"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "HOSTS_DIRECTORY": str(self.directory)},
        )  # fmt: skip

    def type_until_it_succeeds(self, n, script, printing=()):
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            done = self.type(n, script)
            if done.returncode == 0 and all(text in done.stdout for text in printing):
                return done
            assert time.monotonic() < end, f"{script}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
            time.sleep(0.5)

    def logs(self):
        logs = sorted(self.directory.glob("host-*/root/.units/*.log"))
        return "\n".join(f"== {log.parts[-4]} {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:]) for log in logs)

    # What the guide takes for granted.

    def start_postgres(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        data = self.directory / "postgres"
        data.mkdir()
        shutil.chown(data, "postgres", "postgres")
        for parent in [self.directory, *self.directory.parents]:
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o111)
        as_owner = "runuser -u postgres --"
        control = f"{as_owner} {programs}/pg_ctl --pgdata={data} --log={data}.log --wait --silent"
        (self.directory / "postgres.log").touch()
        shutil.chown(self.directory / "postgres.log", "postgres")
        self._in("1", f"""
            mkdir -p /run/postgresql && mount -t tmpfs tmpfs /run/postgresql && chown postgres /run/postgresql
            {as_owner} {programs}/initdb --pgdata={data} --auth=peer --no-sync >/dev/null
            {control} start
            printf '#!/bin/sh\\ncd / && exec %s restart\\n' '{control}' > /root/.restart-postgresql
            chmod 755 /root/.restart-postgresql
        """, stdout=subprocess.DEVNULL, cwd="/")  # fmt: skip
        self.stop_postgres = lambda: self._in("1", f"{control} --mode=immediate stop", check=False, cwd="/")

    def start_bucket(self):
        python = sys.executable
        self.services.append(subprocess.Popen(
            [*self._inside("1"), python, "-m", "moto.server", "-H", "10.0.0.1", "-p", "9100"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ))  # fmt: skip
        make = (
            "AWS_ACCESS_KEY_ID=fleet AWS_SECRET_ACCESS_KEY=fleet-secret AWS_DEFAULT_REGION=us-east-1 "
            "aws --endpoint-url http://10.0.0.1:9100 s3api create-bucket --bucket packages"
        )
        self.type_until_it_succeeds("1", make)

    def pids(self, n):
        return [int(path.read_text()) for path in (self.directory / f"host-{n}/root/.units").iterdir() if path.suffix != ".log"]

    def cut_power(self, n):
        """Nothing of the host runs any more, and nothing of it is heard."""
        self._in("wire", f"ip link set wire{n} down")
        for pid in self.pids(n):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.directory / f"host-{n}/root/.units")

    def restore_power(self, n):
        self._in("wire", f"ip link set wire{n} up")
        # Services start when the network is there.
        self.type_until_it_succeeds(n, "exec 3<>/dev/tcp/10.0.0.1/5432")
        self.type(n, "systemctl start swiftlet-manager swiftlet-worker swiftlet-frontend")

    def close(self):
        for n in HOSTS:
            self._in(n, f"export PATH={self.tools}:$PATH; for u in frontend worker manager authority; do "
                        "systemctl stop swiftlet-$u; done", check=False, stderr=subprocess.DEVNULL)  # fmt: skip
        if hasattr(self, "stop_postgres"):
            self.stop_postgres()
        for process in [*self.services, *self.holders.values()]:
            process.kill()
            # With its streams, too.
            process.communicate()


@pytest.fixture
def hosts(tmp_path_factory):
    hosts = ThreeHosts(tmp_path_factory.mktemp("three-hosts"))
    try:
        yield hosts
    finally:
        hosts.close()


def test_guide_works_word_for_word(hosts):
    hosts.start_postgres()
    hosts.start_bucket()
    seen = []
    for heading, where, is_repeated, script in blocks():
        if heading == "Losing a host":
            hosts.cut_power("3")
        if heading == "Draining a host" and heading not in seen:
            hosts.restore_power("3")
            hosts.type_until_it_succeeds("1", ADMIN + "swiftlet status && swiftlet status | grep '^worker-3 .*open'")
        seen.append(heading)
        for n in where:
            if is_repeated:
                # A reader sees who is not there yet, and looks again.
                names = ALL_MEMBERS if heading == "6. The start" else ()
                done = hosts.type_until_it_succeeds(n, script, names)
            else:
                done = hosts.type(n, script)
                assert done.returncode == 0, f"{heading}, host {n}:\n{done.stdout}\n{done.stderr}\n{hosts.logs()}"
        check(hosts, heading, script, done.stdout)
    assert {"6. The start", "Losing a host", "Upgrading"} < set(seen)
    # Taken back: what was revoked is a member again, without a restart.
    hosts.type_until_it_succeeds("1", ADMIN + "swiftlet status && swiftlet status | grep '^worker-3 .*open'")


ALL_MEMBERS = [f"{role}-{n}" for role in ("frontend", "manager", "worker") for n in HOSTS]

ADMIN = """. /root/swiftlet-admin
export AWS_ENDPOINT_URL=http://10.0.0.1:9000 AWS_DEFAULT_REGION=us-east-1
"""


def check(hosts, heading, script, printed):
    """What a reader would look at after a block."""
    if "swiftlet placement explain" in script:
        assert "hello from a fleet" in printed
        assert "placed on worker-" in printed
    elif heading == "6. The start" and "swiftlet status" in script:
        assert printed.startswith("All is well.")
    elif heading == "Losing a host" or heading == "Upgrading" and "invoke" in script:
        assert "hello from a fleet" in printed
    elif "drain worker-2 --wait" in script:
        assert "worker-2 is drained" in printed
    elif "ca revoke" in script:
        assert "worker/worker-3" in printed
        report = ADMIN + "swiftlet status --json || true"
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            document = json.loads(hosts.type("1", report).stdout)
            found = [each for each in document["Workers"] if each["Name"] == "worker-3"]
            if not found or found[0].get("Connection") != "present":
                break
            assert time.monotonic() < end, "the others still talk to a worker that is revoked"
            time.sleep(1)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_units_are_good(tmp_path):
    for unit in sorted((ROOT / "deploy/systemd").glob("*.service")):
        # The program is not installed here.
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/usr/local/bin/swiftlet", "/bin/true"))
        done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr.strip(), f"{unit.name}: {done.stderr}"


def test_units_wait_for_longer_than_workers_drain():
    unit = (ROOT / "deploy/systemd/swiftlet-worker.service").read_text()
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1]) > 900 + 30


def test_manifest_has_what_a_fleet_needs():
    yaml = pytest.importorskip("yaml")
    documents = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/swiftlet.yaml").read_text()))
    kinds = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(kinds)) == len(kinds)
    workloads = {document["metadata"]["name"]: document for document in documents if "template" in document.get("spec", {})}
    assert {name.removeprefix("swiftlet-") for name in workloads} == {
        "frontend-1", "frontend-2", "manager-1", "manager-2", "worker",
    }  # fmt: skip
    secrets = set()
    for name, workload in workloads.items():
        pod = workload["spec"]["template"]
        labels = pod["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
        role = labels["role"]
        container = pod["spec"]["containers"][0]
        assert container["command"][:2] == ["/usr/local/bin/swiftlet", role]
        assert container["image"] == "IMAGE"
        probe = container["readinessProbe"]
        assert probe["httpGet"]["path"] == "/healthz" if role == "frontend" else "tcpSocket" in probe
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        mounts = [mount for each in pod["spec"]["containers"] + pod["spec"]["initContainers"] for mount in each["volumeMounts"]]
        assert {mount["name"] for mount in mounts} == volumes
        secrets.add(next(v["secret"]["secretName"] for v in pod["spec"]["volumes"] if v["name"] == "credentials"))
    # No two members have one name.
    assert len(secrets) == len(workloads)
    for document in documents:
        if document["kind"] in ("Service", "PodDisruptionBudget"):
            selector = document["spec"]["selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= each["spec"]["template"]["metadata"]["labels"].items() for each in workloads.values())
