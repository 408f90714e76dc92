"""`swiftlet ca`: the certificates by which hosts of a fleet know each other, as an operator makes them and a host uses them."""

import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import warnings

import pytest
from swiftlet_server import BINARY

openssl = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(openssl is None, reason="openssl is not installed")

#: How long anything may take on a busy host, in seconds.
PATIENCE_SECONDS = 60


def run(*arguments, status=0):
    """Runs the command and returns what it prints; on an error, what it says."""
    command = [str(BINARY), "ca", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (done.returncode == 0) == (status == 0), done.stderr
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def run_openssl(*arguments, text=None):
    command = [openssl, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=text, timeout=PATIENCE_SECONDS)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Fleet:
    """An authority and the hosts it has issued certificates for."""

    def __init__(self, directory):
        self.root = directory
        self.directory = directory / "authority"
        run("init", "--directory", self.directory, "--fleet", "blue")

    def issue(self, role, name, *arguments):
        out = self.root / f"{role}-{name}"
        run("issue", role, name, "--directory", self.directory, "--out", out, *arguments)
        return out

    def list(self):
        return [json.loads(line) for line in run("list", "--json", "--directory", self.directory).splitlines()]

    def revoke(self, *arguments):
        return run("revoke", *arguments, "--directory", self.directory)

    @contextlib.contextmanager
    def serving(self, *arguments):
        """Runs `ca serve`, and yields its port."""
        command = [str(BINARY), "ca", "serve", "--directory", str(self.directory), "--listen", "127.0.0.1:0", *arguments]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                port = None
                while port is None:
                    line = process.stderr.readline()
                    assert line, "the authority has ended before it listened"
                    found = re.search(r"address=\S*:(\d+)", line)
                    port = found and int(found[1])
                yield port
            finally:
                process.send_signal(signal.SIGTERM)
                said = process.stderr.read()
                assert process.wait(timeout=PATIENCE_SECONDS) == 0, said
                assert "PRIVATE KEY" not in said


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


def context(credentials, certificate=True):
    """How a host speaks TLS, as far as Python can: it knows the authority, and looks at no DNS name."""
    tls = ssl.create_default_context(cafile=str(credentials / "authority.pem"))
    tls.check_hostname = False
    if certificate:
        tls.load_cert_chain(credentials / "certificate.pem", credentials / "key.pem")
    return tls


def request(port, tls, method, path, body="", session=None):
    """One request; returns the status and the body, and the session of TLS with its reuse."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as plain:
        with tls.wrap_socket(plain, session=session) as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: authority\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())
            received = b""
            while more := connection.recv(65536):
                received += more
            assert connection.version() == "TLSv1.3"
            if not received:
                raise ConnectionError("the connection was closed without an answer")
            head, _, content = received.decode().partition("\r\n\r\n")
            return int(head.split()[1]), content, connection.session, connection.session_reused


def signing_request(directory, subject="/CN=anything"):
    """A new key and the request for its certificate."""
    key = directory / "new.pem"
    run_openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key).check_returncode()
    made = run_openssl("req", "-new", "-key", key, "-subj", subject)
    assert made.returncode == 0, made.stderr
    return made.stdout


def names(certificate):
    return run_openssl("x509", "-noout", "-ext", "subjectAltName", text=certificate).stdout


def test_authority_is_made_once(fleet):
    assert mode(fleet.directory) == 0o700
    assert mode(fleet.directory / "authority-key.pem") == 0o600
    before = {path.name: path.read_bytes() for path in fleet.directory.iterdir()}
    said = run("init", "--directory", fleet.directory, "--fleet", "green", status=1)
    assert "is there already" in said
    assert {path.name: path.read_bytes() for path in fleet.directory.iterdir()} == before


def test_host_gets_what_it_needs(fleet):
    out = fleet.issue("worker", "w1")
    assert sorted(path.name for path in out.iterdir()) == ["authority.pem", "certificate.pem", "key.pem"]
    assert mode(out / "key.pem") == 0o600
    assert (out / "authority.pem").read_bytes() == (fleet.directory / "authority.pem").read_bytes()


@needs_openssl
def test_openssl_finds_the_certificate_good(fleet):
    out = fleet.issue("frontend", "f1.example", "--valid", "2h")
    checked = run_openssl("verify", "-x509_strict", "-CAfile", out / "authority.pem", out / "certificate.pem")
    assert checked.returncode == 0, checked.stderr
    certificate = (out / "certificate.pem").read_text()
    assert "URI:swiftlet://blue/frontend/f1.example" in names(certificate)
    ends = run_openssl("x509", "-noout", "-checkend", "7000", text=certificate)
    assert ends.returncode == 0
    ends = run_openssl("x509", "-noout", "-checkend", "7300", text=certificate)
    assert ends.returncode == 1


@needs_openssl
def test_key_may_stay_on_its_host(fleet, tmp_path):
    file = tmp_path / "request.pem"
    file.write_text(signing_request(tmp_path, "/CN=authority"))
    out = fleet.issue("worker", "w1", "--request", file)
    assert sorted(path.name for path in out.iterdir()) == ["authority.pem", "certificate.pem"]
    certificate = (out / "certificate.pem").read_text()
    # The name is the operator's choice, whatever the request says.
    assert "URI:swiftlet://blue/worker/w1" in names(certificate)
    public = run_openssl("pkey", "-in", tmp_path / "new.pem", "-pubout").stdout
    assert run_openssl("x509", "-noout", "-pubkey", text=certificate).stdout == public


def test_everything_issued_is_listed(fleet):
    fleet.issue("worker", "w1")
    fleet.issue("worker", "w2")
    fleet.issue("manager", "m1", "--valid", "30d")
    entries = fleet.list()
    assert [entry["identity"] for entry in entries] == ["worker/w1", "worker/w2", "manager/m1"]
    assert {entry["state"] for entry in entries} == {"good"}
    life = datetime.datetime.fromisoformat(entries[2]["expires"]) - datetime.datetime.fromisoformat(entries[2]["issued"])
    assert life == datetime.timedelta(days=30)
    assert "worker/w1" in run("list", "--directory", fleet.directory)


def test_host_or_one_certificate_is_revoked(fleet):
    for _ in range(2):
        fleet.issue("worker", "w1")
    fleet.issue("worker", "w2")
    fleet.issue("worker", "w2")
    fleet.revoke("worker", "w1")
    serial = fleet.list()[2]["serial"]
    # As openssl prints it.
    fleet.revoke("--serial", ":".join(re.findall("..", serial.zfill(40).upper())))
    fleet.issue("worker", "w1")
    states = [(entry["identity"], entry["state"]) for entry in fleet.list()]
    assert states == [
        ("worker/w1", "revoked"), ("worker/w1", "revoked"), ("worker/w2", "revoked"), ("worker/w2", "good"),
        ("worker/w1", "good"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["issue", "king", "w1", "--out", "out"], "the roles are frontend, manager, worker, operator, authority"),
        (["issue", "worker", "W1", "--out", "out"], "a-z, 0-9"),
        (["issue", "worker", "w1", "--out", "out", "--valid", "forever"], "s, m, h or d"),
        (["issue", "worker", "w1", "--out", "out", "--valid", "100000d"], "s, m, h or d"),
        (["revoke", "worker", "w7"], "no certificate was issued"),
        (["revoke", "--serial", "77"], "no such certificate"),
        (["revoke", "--serial", "seven"], "hexadecimal"),
        (["revoke"], "name a host"),
        (["revoke", "worker"], "name a host"),
        (["revoke", "worker", "w1", "--serial", "77"], "name a host"),
        (["serve", "--listen", "nowhere"], "HOST:PORT"),
    ],
)
def test_errors_say_what_to_do(fleet, tmp_path, arguments, message):
    arguments = [str(tmp_path / "out") if argument == "out" else argument for argument in arguments]
    assert message in run(*arguments, "--directory", fleet.directory, status=1)
    assert fleet.list() == []


def test_missing_authority_and_exposed_key_are_named(fleet, tmp_path):
    assert "swiftlet ca init" in run("list", "--directory", tmp_path / "missing", status=1)
    key = fleet.directory / "authority-key.pem"
    key.chmod(0o644)
    assert f"chmod 600 {key}" in run("list", "--directory", fleet.directory, status=1)


@needs_openssl
def test_service_renews_the_caller_and_nobody_else(fleet, tmp_path):
    worker = fleet.issue("worker", "w1", "--valid", "10m")
    with fleet.serving() as port:
        status, certificate, *_ = request(
            port, context(worker), "POST", "/renew", signing_request(tmp_path, "/CN=authority")
        )
        assert status == 200
        assert names(certificate).count("URI:") == 1
        assert "URI:swiftlet://blue/worker/w1" in names(certificate)
        assert fleet.list()[-1]["identity"] == "worker/w1"
        # The new certificate is as good as the old one.
        (worker / "certificate.pem").write_text(certificate)
        shutil.copy(tmp_path / "new.pem", worker / "key.pem")
        assert request(port, context(worker), "GET", "/revoked")[0] == 200
        assert request(port, context(worker), "POST", "/renew", "nonsense")[0] == 400
        assert request(port, context(worker), "GET", "/renew")[0] == 405
        assert request(port, context(worker), "GET", "/authority-key.pem")[0] == 404
        assert request(port, context(worker), "GET", "/../authority-key.pem")[0] == 404


def test_renew_command_replaces_the_files(fleet):
    operator = fleet.issue("operator", "o1", "--valid", "10m")
    before = {path.name: path.read_bytes() for path in operator.iterdir()}
    with fleet.serving("--valid", "48h") as port:
        run("renew", "--credentials", operator, "--authority", f"127.0.0.1:{port}")
        after = {path.name: path.read_bytes() for path in operator.iterdir()}
        assert after.keys() == before.keys()
        assert {name for name in after if after[name] != before[name]} == {"certificate.pem", "key.pem"}
        assert mode(operator / "key.pem") == 0o600
        # With what it has got, it can go on.
        run("renew", "--credentials", operator, "--authority", f"127.0.0.1:{port}")
        fleet.revoke("operator", "o1")
        said = run("renew", "--credentials", operator, "--authority", f"127.0.0.1:{port}", status=1)
        assert "revoked" in said or "ALERT" in said
    said = run("renew", "--credentials", operator, "--authority", f"127.0.0.1:{port}", status=1)
    assert f"127.0.0.1:{port}" in said


def refused(port, tls):
    """Whether the service ends the connection without a word."""
    try:
        request(port, tls, "GET", "/revoked")
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def test_strangers_get_no_answer(fleet, tmp_path):
    worker = fleet.issue("worker", "w1")
    (tmp_path / "other").mkdir()
    stranger = Fleet(tmp_path / "other").issue("worker", "w1")
    shutil.copy(worker / "authority.pem", stranger / "authority.pem")
    short = fleet.issue("worker", "w2", "--valid", "1s")
    old = context(worker)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old.maximum_version = ssl.TLSVersion.TLSv1_2
    with fleet.serving() as port:
        assert not refused(port, context(worker))
        assert refused(port, context(worker, certificate=False))
        assert refused(port, context(stranger))
        assert refused(port, old)
        # It ends within a second; until then, it is good.
        while not refused(port, context(short)):
            pass
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as plain:
            plain.sendall(b"GET /revoked HTTP/1.1\r\nHost: authority\r\n\r\n")
            plain.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionError):
                while more := plain.recv(65536):
                    received += more
            assert b"HTTP" not in received
        assert not refused(port, context(worker))


def test_revoked_host_is_refused_and_its_old_session_too(fleet):
    worker = fleet.issue("worker", "w1")
    other = fleet.issue("worker", "w2")
    with fleet.serving() as port:
        tls = context(worker)
        status, _, session, _ = request(port, tls, "GET", "/revoked")
        assert status == 200
        # A session is not taken up again, so that its certificate is looked at each time.
        assert request(port, tls, "GET", "/revoked", session=session)[3] is False
        fleet.revoke("worker", "w1")
        while not refused(port, context(worker)):
            pass
        with pytest.raises((ssl.SSLError, ConnectionError)):
            request(port, tls, "GET", "/revoked", session=session)
        status, text, *_ = request(port, context(other), "GET", "/revoked")
        assert (status, text) == (200, (fleet.directory / "revoked").read_text())
        # Its operator gives it another.
        assert not refused(port, context(fleet.issue("worker", "w1")))
