"""moto's S3 behind a front that spoils answers, for the tests of packages in a bucket.

Run as a program it prints its port and serves until its standard input ends. A test has a bucket of its own, and tells
the front what is to happen to requests for it:

    POST /_front/BUCKET/faults   [{"method": "GET", "kind": "break", "after": 0, "count": 1, ...}]
    GET  /_front/BUCKET/asked    {"asked": ["GET /BUCKET/KEY"], "peak": 1}
    GET  /_front/BUCKET/held/N   answers as soon as N requests are held
    POST /_front/BUCKET/release  lets go on what is held

Kinds of faults: `status` (with `status`, `code`) answers so in S3's place; `damage` changes a byte of the body; `break` ends
the connection in the middle of the body; `stall` stops there and goes on when it is released; `hold` waits for that before it
asks S3; `date` adds `seconds` to the server's clock; `pages` has lists come in pages of `size`.
"""

import base64
import email.utils
import hashlib
import http.client
import http.server
import json
import logging
import re
import sys
import threading
import urllib.parse

import moto.server

FOREVER = 1 << 30


def error_document(code):
    return f"<Error><Code>{code}</Code><Message>spoilt by a test</Message></Error>".encode()


class Bucket:
    """What is to happen to the requests for one bucket, and what was asked."""

    def __init__(self):
        self.lock = threading.Condition()
        self.faults, self.asked = [], []
        self.held = self.underway = self.peak = self.releases = 0

    def take_faults(self, method):
        with self.lock:
            taken = []
            for fault in self.faults:
                if fault.get("method", method) != method:
                    continue
                if fault.setdefault("after", 0) > 0:
                    fault["after"] -= 1
                elif fault.setdefault("count", FOREVER) > 0:
                    fault["count"] -= 1
                    taken.append(fault)
            return taken

    def wait_for_release(self):
        with self.lock:
            release, self.held = self.releases, self.held + 1
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.releases > release)
            self.held -= 1

    def release(self):
        with self.lock:
            self.faults = [fault for fault in self.faults if fault["kind"] not in ("hold", "stall")]
            self.releases += 1
            self.lock.notify_all()


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    buckets, lock = {}, threading.Lock()
    moto_address = None

    def bucket(self, name):
        with self.lock:
            return self.buckets.setdefault(name, Bucket())

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urllib.parse.urlsplit(self.path).path.split("/")
        if parts[1] == "_front":
            return self.control(self.bucket(parts[2]), parts[3:], body)
        bucket = self.bucket(parts[1])
        with bucket.lock:
            bucket.asked.append(f"{self.command} {urllib.parse.unquote(self.path)}")
            bucket.underway += self.command == "GET"
            bucket.peak = max(bucket.peak, bucket.underway)
        try:
            self.answer(bucket, body)
        finally:
            with bucket.lock:
                bucket.underway -= self.command == "GET"

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

    def control(self, bucket, what, body):
        answer = {}
        if what[0] == "faults":
            with bucket.lock:
                bucket.faults = json.loads(body)
        elif what[0] == "release":
            bucket.release()
        elif what[0] == "held":
            with bucket.lock:
                bucket.lock.wait_for(lambda: bucket.held >= int(what[1]))
        else:
            with bucket.lock:
                answer = {"asked": bucket.asked, "peak": bucket.peak}
        self.reply(200, [], json.dumps(answer).encode())

    def reply(self, status, headers, body, length=None):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def is_damaged(self, body):
        """Whether the body is another than the headers say, as S3 looks for itself."""
        digest = hashlib.sha256(body)
        checksum = self.headers.get("x-amz-checksum-sha256")
        payload = self.headers.get("x-amz-content-sha256")
        return checksum not in (None, base64.b64encode(digest.digest()).decode()) or payload not in (
            None, digest.hexdigest(),
        )  # fmt: skip

    def answer(self, bucket, body):
        path, offset, spoil = self.path, 0, None
        for fault in bucket.take_faults(self.command):
            kind = fault["kind"]
            if kind == "hold":
                bucket.wait_for_release()
            elif kind == "status":
                document = b"" if self.command == "HEAD" else error_document(fault["code"])
                return self.reply(fault["status"], [], document)
            elif kind == "date":
                offset = fault["seconds"]
            elif kind == "pages" and "list-type" in path:
                path = re.sub(r"max-keys=\d+", f"max-keys={fault['size']}", path)
            else:
                spoil = kind
        if self.command == "PUT" and self.is_damaged(body):
            return self.reply(400, [], error_document("BadDigest"))
        connection = http.client.HTTPConnection(*self.moto_address)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        now = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp() + offset
        ours = ("date", "content-length", "connection", "transfer-encoding", "server")
        kept = [(name, value) for name, value in response.headers.items() if name.lower() not in ours]
        kept.append(("Date", email.utils.formatdate(now, usegmt=True)))
        length = int(response.headers["Content-Length"]) if self.command == "HEAD" else len(content)
        if spoil == "damage":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if spoil not in ("break", "stall"):
            return self.reply(response.status, kept, content, length)
        half = len(content) // 2
        self.reply(response.status, kept, content[:half], length)
        self.close_connection = spoil == "break"
        if spoil == "stall":
            self.wfile.flush()
            bucket.wait_for_release()
            self.wfile.write(content[half:])

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # A client whose patience was over.

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class ObjectService:
    """A front with a moto of its own."""

    def __init__(self):
        self._moto = moto.server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._moto.start()
        Front.moto_address = self._moto.get_host_and_port()
        self._server = Server(("127.0.0.1", 0), Front)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def bucket(self, name):
        """What is to happen to the requests for a bucket."""
        with Front.lock:
            return Front.buckets.setdefault(name, Bucket())

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._moto.stop()


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    service = ObjectService()
    print(service.port, flush=True)
    sys.stdin.read()
    service.close()
