"""While nobody has to sign, pages of other sites cannot use a browser on this host to call the service."""

import http.client
import stat
import subprocess

import pytest
from swiftlet_server import BINARY

FUNCTIONS = "/2015-03-31/functions"


def ask(server, method, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", [FUNCTIONS, f"{FUNCTIONS}/missing/invocations"])
@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({}, True),
        ({"Host": "localhost:9000"}, True),
        ({"Host": "127.0.0.1"}, True),
        ({"Host": "[::1]:9000"}, True),
        ({"Host": "swiftlet.localhost"}, True),
        ({"Host": "swiftlet"}, True),
        ({"Host": "lambda.test:9000"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://localhost:3000"}, False),
        ({"Host": "evil.example"}, False),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, False),
        ({"Host": "localhost.evil.example"}, False),
    ],
)
def test_page_of_another_site_is_kept_out(server, path, headers, is_let_in):
    status, body = ask(server, "POST", path, headers)
    assert (status != 403) == is_let_in, body


def test_logs_and_roles_are_guarded_too(server):
    headers = {"Origin": "https://evil.example", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}
    assert ask(server, "POST", "/", headers)[0] == 403
    headers = {"Origin": "https://evil.example", "Content-Type": "application/x-www-form-urlencoded"}
    assert ask(server, "POST", "/", headers)[0] == 403


def test_urls_of_functions_are_for_browsers(server):
    status, body = ask(server, "GET", "/_url/" + "a" * 32 + "/", {"Origin": "https://example.com"})
    assert (status, body) == (403, b'{"Message":null}')


@pytest.mark.parametrize("command", [["cert"], ["user", "list"]])
def test_directory_of_the_service_is_its_own(tmp_path, command):
    """Whichever command makes it, and when it was there before."""
    for number, mode in enumerate([None, 0o755]):
        data = tmp_path / str(number)
        if mode:
            data.mkdir(mode=mode)
        subprocess.run([str(BINARY), *command, "--data", str(data)], check=True, capture_output=True, timeout=60)
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
