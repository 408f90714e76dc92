"""Whatever bytes arrive: no answer blames the server, nothing is lost or leaks, and others are served meanwhile."""

import os
import random
import re
import socket
import struct
import uuid

import pytest
from http_fuzzer import Fuzzer
from lambda_client import Functions
from service_model import swiftlets_model
from swiftlet_server import SwiftletServer
from wire import connect, read_reply, read_to_end, replies

SEED = int(os.environ.get("FUZZ_SEED", "20261125"))
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "8000"))
#: After how many requests the server is looked at.
LOOK_EVERY = 250
#: How much more memory the server may have after the requests than after the first of them, in MB. Some of them are
#: large, and what an allocator keeps for the next one is no leak; one that lost each would lose far more.
GROWTH_MB_MAX = 384
#: The server's answers to what is its own fault; 501 is what it has no behaviour for.
SERVER_ERRORS = {status for status in range(500, 600) if status != 501}
#: Errors in the log of requests that were cut off by their client; `test_cut_off_body_is_the_clients_fault` has them.
CUT_OFF = re.compile("stream ended at an unexpected time|Connection reset by peer|Broken pipe")


class Target:
    """A server in a directory of its own inside of another, and a function that has to outlive whatever comes."""

    def __init__(self, outside):
        self.outside = outside
        self.canary = outside / "canary"
        self.canary.write_text("untouched")
        (outside / "inside").mkdir()
        self.server = SwiftletServer(outside / "inside")
        self.server.start()
        self.pid = self.server.pid
        self.kept = Functions(self.server, f"kept-{uuid.uuid4().hex[:8]}").create(
            "def handler(event, context): return [event, 'kept']"
        )
        self.use_kept()
        self.files = self.files_outside()
        self.names = self.names_inside()

    def use_kept(self):
        assert self.kept.ask({"a": 1}) == [{"a": 1}, "kept"]

    def files_outside(self):
        """All files beside the data directory."""
        return {
            os.path.relpath(os.path.join(directory, name), self.outside)
            for directory, directories, names in os.walk(self.outside) for name in [*names, *directories]
            if not os.path.join(directory, name).startswith(str(self.server.data) + "/")
        }  # fmt: skip

    def names_inside(self):
        """What stands in the data directory itself, but for the database's own files."""
        return {name for name in os.listdir(self.server.data) if not name.startswith("metadata.sqlite")}

    def memory_mb(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) // 1024

    def check(self):
        assert self.server.process.poll() is None, f"the server has ended; its log:\n{self.server.log}"
        assert self.server.pid == self.pid
        assert self.server.is_healthy()

    def check_all(self):
        self.check()
        self.use_kept()
        names = {function["FunctionName"] for function in self.kept.client.list_functions()["Functions"]}
        assert self.kept.name in names
        assert self.files_outside() == self.files
        assert self.names_inside() == self.names
        assert self.canary.read_text() == "untouched"
        errors = [line for line in self.server.log.splitlines() if re.search(r"\b(error|critical) swiftlet:", line)]
        assert [line for line in errors if not CUT_OFF.search(line)] == []


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    target = Target(tmp_path_factory.mktemp("outside"))
    yield target
    target.server.close()


def check_answers(received, methods, count_min=0):
    """The answers are whole, there is nothing between them, and none says that the server is at fault."""
    found, rest = replies(received, [method.decode("latin-1") for method in methods])
    assert rest == b"", rest[:500]
    assert [(reply.status, reply.body[:500]) for reply in found if reply.status in SERVER_ERRORS] == []
    assert count_min <= len(found) <= max(len(methods), 1)


def exchange(server, data, ends=True):
    with connect(server) as connection:
        try:
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server need not read what it has refused already.
        return read_to_end(connection)


def one(fuzzer, server):
    """One exchange, and what has to hold of it."""
    kind = fuzzer.random.choices(["framed", "garbage", "cut", "pipelined"], [12, 2, 2, 2])[0]
    if kind == "framed":
        method, whole = fuzzer.well_framed()
        yield whole
        check_answers(exchange(server, whole, ends=False), [method])
    elif kind == "garbage":
        whole = fuzzer.garbage()
        yield whole
        check_answers(exchange(server, whole), [b"GET"] * (whole.count(b"\n") + 1))
    elif kind == "cut":
        whole = fuzzer.cut_short()
        yield whole
        with connect(server) as connection:
            connection.sendall(whole)
    else:
        # The first answer only, and no orderly end: `test_pipelined_requests_are_all_answered` has the others.
        methods, whole = fuzzer.pipelined()
        yield whole
        with connect(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(whole)
            reply = read_reply(connection, methods[0].decode())
        assert reply.status not in SERVER_ERRORS, reply.body


def test_nothing_that_is_sent_harms(target):
    print(f"seed {SEED}, {REQUESTS} requests; FUZZ_SEED and FUZZ_REQUESTS set others")
    fuzzer = Fuzzer(random.Random(SEED), swiftlets_model().operations, target.kept.name)
    memory_at_start = None
    for number in range(REQUESTS):
        step = one(fuzzer, target.server)
        whole = next(step)
        try:
            assert next(step, None) is None
        except Exception as error:
            raise AssertionError(f"seed {SEED}, request {number}: {whole[:2000]!r}") from error
        if number % LOOK_EVERY == 0:
            target.check()
            memory_at_start = memory_at_start or (target.memory_mb() if number else None)
    target.check_all()
    assert memory_at_start is None or target.memory_mb() - memory_at_start < GROWTH_MB_MAX
