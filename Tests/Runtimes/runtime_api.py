"""A Runtime API of the test's own: hands invokes to a runtime process and shows what came back."""

import http.client
import json
import queue
import socket
import subprocess
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: How long a test waits for a runtime before it fails, in seconds. Generous: the host may be busy.
PATIENCE = 30
PREFIX = "/2018-06-01/runtime"


@dataclass
class Answer:
    """What a runtime posted: `kind` is `response`, `error` or `init/error`."""

    kind: str
    request_id: str
    body: bytes
    headers: dict
    trailers: dict = field(default_factory=dict)

    @property
    def payload(self):
        return json.loads(self.body)


@dataclass
class Invoke:
    body: bytes
    headers: dict = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Refusal:
    """What a post is answered with in place of 202; `at_once` means before its body."""

    status: int
    body: bytes
    at_once: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path != f"{PREFIX}/invocation/next":
            self.send_error(404)
            return
        self.server.polled.release()
        invoke = self.server.invokes.get()
        if invoke is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invoke.request_id,
            "Lambda-Runtime-Deadline-Ms": "4102444800000",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "Content-Type": "application/json",
            **invoke.headers,
        }
        self._reply(200, invoke.body, headers)

    def do_POST(self):
        self.server.reading.wait()
        refusal, self.server.refusal = self.server.refusal, None
        if refusal and refusal.at_once:
            # The body is left where it is, as a service does that wants no more of it.
            headers = {"Content-Type": "application/json", "Connection": "close"}
            self._reply(refusal.status, refusal.body, headers)
            self.server.refused.release()
            self._drop_body()
            return
        trailers = {}
        if self.headers.get("Transfer-Encoding") == "chunked":
            body, trailers = self._chunked_body()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.removeprefix(f"{PREFIX}/")
        if path == "init/error":
            kind, request_id = path, ""
        else:
            _, request_id, kind = path.split("/")
        self.server.answers.put(Answer(kind, request_id, body, dict(self.headers), trailers))
        status, reply = (refusal.status, refusal.body) if refusal else (202, b'{"status":"OK"}\n')
        self._reply(status, reply, {"Content-Type": "application/json"})

    def _chunked_body(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            piece = self.rfile.read(size)
            self.server.pieces.put(piece)
            body += piece
            self.rfile.readline()
        return body, dict(http.client.parse_headers(self.rfile))

    def _drop_body(self):
        """Reads until the runtime closes the connection, so that the reply is not lost to a reset."""
        self.close_connection = True
        while self.rfile.read1(65536):
            pass

    def _reply(self, status, body, headers):
        chunk = self.server.chunk_size
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if chunk:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(body), chunk):
                piece = body[start : start + chunk]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, request, client_address):
        """A runtime that is killed resets its connection; that is no error of the test."""


class Runtime:
    """A runtime process with a Runtime API of its own. Use as a context manager."""

    def __init__(self, command, environment, directory, chunk_size=None, waiting=None):
        """`waiting` makes it a runtime that waits first: its command and environment until it is told of the function;
        what it is told is the handler, the environment and the directory."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.invokes = queue.Queue()
        self._server.answers = queue.Queue()
        self._server.pieces = queue.Queue()
        self._server.refusal = None
        self._server.refused = threading.Semaphore(0)
        self._server.reading = threading.Event()
        self._server.reading.set()
        self._server.polled = threading.Semaphore(0)
        self._server.chunk_size = chunk_size
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        host, port = self._server.server_address
        self._output = []
        self._logged = threading.Condition()
        environment = {**environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"}
        if waiting:
            self._start_waiting(*waiting, environment, directory)
        else:
            self._start(command, environment, directory)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _start(self, command, environment, directory, descriptors=()):
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=descriptors,
        )

    def _start_waiting(self, command, own, environment, directory):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            channel = {"_SWIFTLET_CHANNEL": str(theirs.fileno()), "_SWIFTLET_ROOM": "-" * 16384}
            address = {"AWS_LAMBDA_RUNTIME_API": environment["AWS_LAMBDA_RUNTIME_API"]}
            self._start(command, {**own, **address, **channel}, "/", [theirs.fileno()])
            fields = [environment["_HANDLER"], str(directory), *(f"{k}={v}" for k, v in environment.items())]
            assert ours.recv(1) == b"\0"
            if any(part.endswith("bootstrap.py") for part in command):
                # Python's part can rehearse, of which nothing may be seen later either.
                ours.sendall(b"\1")
                assert ours.recv(1) == b"\0"
            ours.sendall("\0".join(fields).encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._reader.join(timeout=PATIENCE)
        self.process.stdout.close()
        self._server.invokes.put(None)
        self._server.reading.set()
        self._server.shutdown()
        self._server.server_close()

    def _read(self):
        for line in self.process.stdout:
            with self._logged:
                self._output.append(line)
                self._logged.notify_all()

    def wait_until_logged(self, text):
        """Returns once a text is in the log."""
        with self._logged:
            assert self._logged.wait_for(lambda: text in self.log, timeout=PATIENCE), self.log

    def wait_until_ready(self):
        """Returns once the runtime asks for an invoke, which it does after each one too."""
        assert self._server.polled.acquire(timeout=PATIENCE), self.log

    def send(self, event, headers=None):
        """Hands over an invoke without waiting for its answer."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        invoke = Invoke(body, headers or {})
        self._server.invokes.put(invoke)
        return invoke

    def answer(self):
        """The next thing that the runtime posts."""
        try:
            return self._server.answers.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"the runtime posted nothing; its log: {self.log}") from None

    def invoke(self, event=None, headers=None):
        """Hands over an invoke and returns its answer, which has to be for that invoke."""
        invoke = self.send(event, headers)
        answer = self.answer()
        assert answer.request_id == invoke.request_id
        return answer

    def piece(self):
        """The next piece of a streamed response, which may not have ended yet."""
        try:
            return self._server.pieces.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"the runtime streamed nothing; its log: {self.log}") from None

    def refuse_next(self, status, error_type, message, at_once=False):
        """Has the next post answered with an error."""
        body = json.dumps({"errorMessage": message, "errorType": error_type}).encode()
        self._server.refusal = Refusal(status, body, at_once)

    def wait_until_refused(self):
        """Returns once a post has been refused before its body."""
        assert self._server.refused.acquire(timeout=PATIENCE), self.log

    def hold_posts(self):
        """Has posts wait, unread, until `release_posts`."""
        self._server.reading.clear()

    def release_posts(self):
        self._server.reading.set()

    def has_answered(self):
        return not self._server.answers.empty()

    def exit_status(self):
        """Waits for the process to end."""
        status = self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        return status

    def stop(self):
        """Ends the process, so that all of its lines are in the log."""
        self.process.kill()
        self.exit_status()

    @property
    def log(self):
        return b"".join(self._output).decode(errors="replace")
