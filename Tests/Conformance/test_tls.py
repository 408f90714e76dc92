"""TLS on the listener: a certificate of one's own, HTTP/1.1 and HTTP/2."""

import json
import shutil
import socket
import ssl
import subprocess
import time

import boto3
import botocore.config
import pytest
from lambda_client import REGION, Answer, Functions
from swiftlet_server import BINARY, SwiftletServer, free_port

#: How long a change that takes five seconds is waited for on a busy host, in seconds.
PATIENCE_SECONDS = 60
ECHO = "def handler(event, context): return event"


class SecureServer(SwiftletServer):
    """A server with the certificate of `swiftlet cert`."""

    @property
    def endpoint(self):
        return f"https://localhost:{self.port}"

    @property
    def certificate(self):
        return self.data / "tls/certificate.pem"

    def make_certificate(self, *names):
        self.data.mkdir(mode=0o700, exist_ok=True)
        command = [str(BINARY), "cert", *names, "--data", str(self.data)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def is_healthy(self):
        try:
            return fetch(self, "/healthz")[0] == 200
        except OSError:
            return False


def context(server):
    return ssl.create_default_context(cafile=str(server.certificate))


def handshake(server, tls=None, protocols=None):
    """A connection whose handshake is over."""
    tls = tls or context(server)
    if protocols:
        tls.set_alpn_protocols(protocols)
    connection = socket.create_connection(("localhost", server.port), timeout=60)
    try:
        return tls.wrap_socket(connection, server_hostname="localhost")
    except BaseException:
        connection.close()
        raise


def fetch(server, path):
    with handshake(server) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while more := connection.recv(65536):
            received += more
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    server = SecureServer(tmp_path_factory.mktemp("secure"))
    printed = server.make_certificate("swiftlet.example", "192.0.2.1")
    assert f"AWS_CA_BUNDLE={server.certificate}" in printed
    server.arguments = ["--tls-certificate", str(server.certificate), "--tls-key", str(server.data / "tls/key.pem")]
    server.start()
    yield server
    server.close()


def client(server):
    return boto3.client(
        "lambda", endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id="any",
        aws_secret_access_key="any", verify=str(server.certificate),
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


@pytest.fixture
def function(secure):
    functions = Functions(secure, "secure", client(secure))
    yield functions.create(ECHO)
    functions.close()


def test_sdk_works_over_tls(secure, function):
    assert function.ask({"a": 1}) == {"a": 1}
    location = function.client.get_function(FunctionName=function.name)["Code"]["Location"]
    assert location.startswith(f"https://127.0.0.1:{secure.port}/")


def test_certificate_is_of_the_names_it_was_made_for(secure):
    with handshake(secure) as connection:
        names = connection.getpeercert()["subjectAltName"]
    assert {value for _, value in names} >= {
        "localhost", "127.0.0.1", "swiftlet.example", "192.0.2.1", f"*.lambda-url.{REGION}.localhost"
    }  # fmt: skip


def test_key_is_its_owners_alone(secure):
    assert (secure.data / "tls/key.pem").stat().st_mode & 0o777 == 0o600


def test_stranger_does_not_trust_it(secure):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(secure, ssl.create_default_context()).close()


def test_old_versions_are_refused(secure):
    old = context(secure)
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(secure, old).close()
    assert secure.is_healthy()


@pytest.mark.parametrize(("offered", "agreed"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1")])
def test_protocol_is_agreed_on(secure, offered, agreed):
    with handshake(secure, protocols=offered) as connection:
        assert connection.selected_alpn_protocol() == agreed


curl = shutil.which("curl")
needs_curl = pytest.mark.skipif(curl is None, reason="curl is not installed")


def run_curl(server, *arguments, body=None):
    command = [curl, "--silent", "--show-error", "--max-time", "60", "--cacert", str(server.certificate), *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=120, input=body).stdout


@needs_curl
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_router_and_invokes_answer_in_both_protocols(secure, function, version):
    show = ["-w", "\n%{http_version} %{http_code}", version]
    printed = run_curl(secure, *show, f"{secure.endpoint}/2015-03-31/functions/{function.name}").decode()
    body, _, status = printed.rpartition("\n")
    assert json.loads(body)["Configuration"]["FunctionName"] == function.name
    assert status == ("2 200" if version == "--http2" else "1.1 200")
    path = f"{secure.endpoint}/2015-03-31/functions/{function.name}/invocations"
    for payload in ('{"x": 1}', json.dumps("y" * 1_000_000)):
        sent = ["-H", "Expect:", "--data-binary", "@-", path]
        printed = run_curl(secure, *show, *sent, body=payload.encode()).decode()
        body, _, status = printed.rpartition("\n")
        assert json.loads(body) == json.loads(payload)
        assert status.endswith(" 200")


@needs_curl
def test_many_requests_share_one_connection_of_http2(secure, function):
    urls = [f"{secure.endpoint}/2015-03-31/functions/{function.name}/invocations"] * 50
    printed = run_curl(
        secure, "--http2", "--parallel", "--parallel-max", "20", "-w", "\n%{num_connects}\n", "--data", "{}", *urls
    ).decode()
    assert printed.count("{}") == 50


@needs_curl
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_url_of_a_function_is_served_over_tls(secure, function, version):
    url = function.client.create_function_url_config(FunctionName=function.name, AuthType="NONE")["FunctionUrl"]
    assert url.startswith("https://")
    for number, action in enumerate(["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]):
        function.client.add_permission(
            FunctionName=function.name, StatementId=str(number), Action=action, Principal="*"
        )
    host = url.split("//")[1].rstrip("/").split(":")[0]
    resolve = ["--resolve", f"{host}:{secure.port}:127.0.0.1"]
    event = json.loads(run_curl(secure, version, *resolve, f"https://{host}:{secure.port}/a?b=c"))
    assert event["rawPath"] == "/a"
    assert event["headers"]["x-forwarded-proto"] == "https"
    assert event["headers"]["x-amzn-tls-version"] == "TLSv1.3"
    assert event["requestContext"]["domainName"] == host


def test_new_certificate_is_shown_without_a_restart(secure):
    def serial():
        with handshake(secure) as connection:
            return connection.getpeercert()["serialNumber"]

    before = serial()
    secure.make_certificate("swiftlet.example", "192.0.2.1")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if serial() != before:
                break
        except ssl.SSLCertVerificationError:
            pass  # The old one is shown still, and the new one is trusted already.
    assert serial() != before


def test_plain_text_and_garbage_are_no_harm(secure):
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, b""):
        with socket.create_connection(("localhost", secure.port), timeout=60) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    assert secure.is_healthy()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-certificate", "c.pem"], "tls-key"),
        (["--tls-key", "k.pem"], "tls-certificate"),
        (["--tls-certificate", "/missing/c.pem", "--tls-key", "/missing/k.pem"], "/missing/c.pem"),
    ],
)
def test_missing_files_are_named(tmp_path, arguments, message):
    done = subprocess.run(
        [str(BINARY), "serve", "--listen", f"127.0.0.1:{free_port()}", "--data", str(tmp_path / "data"), *arguments],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert message in done.stderr


def test_answer_is_whole(secure, function):
    """A large answer through TLS is the same as a small one."""
    text = "z" * 5_000_000
    answer = Answer(client(secure).invoke(FunctionName=function.name, Payload=json.dumps(text)))
    assert answer.payload == text
