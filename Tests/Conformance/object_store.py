"""A server of objects as S3 is one, for tests that say what it answers, and see what it was asked."""

import datetime
import http.server
import threading
import urllib.parse

import botocore.auth
import botocore.awsrequest
from botocore.credentials import Credentials
from lambda_client import REGION

#: How old a signature may be, as S3 has it.
SKEW = datetime.timedelta(minutes=15)


def error_document(code, message):
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}\n<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


class Asked:
    """One request."""

    def __init__(self, handler):
        self.target = handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        url = urllib.parse.urlsplit(handler.path)
        self.path = urllib.parse.unquote(url.path)
        self.query = urllib.parse.parse_qs(url.query)

    @property
    def first(self):
        """The first byte of the range that is asked for."""
        return self._range()[0]

    def _range(self):
        first, _, last = self.headers["range"].removeprefix("bytes=").partition("-")
        return int(first), int(last)

    def part_of(self, content, tag, **headers):
        """What S3 answers for this range of an object: status, headers and body."""
        if self.headers.get("if-match", tag) != tag:
            return 412, {}, error_document(
                "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
            )
        first, last = self._range()
        if first >= len(content):
            return 416, {}, error_document("InvalidRange", "The requested range is not satisfiable")
        body = content[first : last + 1]
        described = f"bytes {first}-{first + len(body) - 1}/{len(content)}"
        return 206, {"ETag": tag, "Content-Range": described, **headers}, body

    def is_signed_by(self, key_id, secret):
        """Whether botocore comes to the same signature."""
        kind, _, rest = self.headers.get("authorization", "").partition(" ")
        if kind != "AWS4-HMAC-SHA256":
            return False
        fields = dict(field.strip().split("=", 1) for field in rest.split(","))
        signed = fields["SignedHeaders"].split(";")
        if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed):
            return False
        date = self.headers["x-amz-date"]
        made = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs(datetime.datetime.now(datetime.timezone.utc) - made) > SKEW:
            return False
        request = botocore.awsrequest.AWSRequest(
            method="GET", url=f"http://{self.headers['host']}{self.target}",
            headers={name: self.headers[name] for name in signed},
        )  # fmt: skip
        request.context["timestamp"] = date
        auth = botocore.auth.S3SigV4Auth(Credentials(key_id, secret), "s3", REGION)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        return fields["Credential"] == auth.scope(request) and fields["Signature"] == auth.signature(text, request)


class ObjectStore:
    """Answers each request with what `answer(asked)` returns: status, headers and body. Close it after its clients."""

    def __init__(self):
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                asked = Asked(self)
                with store._lock:
                    store.asked.append(asked)
                status, headers, body = store.answer(asked)
                self.send_response(status)
                # One that promises more than it sends breaks off.
                headers = {"Content-Length": str(len(body)), **headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = int(headers["Content-Length"]) != len(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            # So that closing waits for the connections.
            daemon_threads = False

        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.reset()
        self._thread.start()

    def reset(self):
        self.asked = []
        self.answer = lambda asked: (404, {}, error_document("NoSuchKey", "The specified key does not exist."))

    def hold(self, content, tag='"1"'):
        """Has one object, whatever is asked for."""
        self.answer = lambda asked: asked.part_of(content, tag)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
