"""Bytes that look like requests of the Lambda API and are not quite: what a seeded generator makes of valid ones."""

import copy
import json

from lambda_client import PYTHON, ROLE
from model_violations import Request, full, valid
from packages import package

METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"BREW", b"get", b"P" * 300]
PATH_PARTS = [
    b"..%2f..%2f..%2fcanary", b"%2e%2e", b"..", b".", b"..%5c..%5ccanary", b"%00", b"a%00b", b"%c0%af", b"%ff%fe", b"%",
    b"%zz", b"%2", b"a" * 300, b"a" * 70_000, b"", b"a;b=c", b"a#b", b"%25%32%65", b"$LATEST", b"%24LATEST",
    b"\xc3\xa9", b"\xff", b"%0d%0aX-Injected:%20yes", b"%E2%80%AE",
    b"arn:aws:lambda:us-east-1:000000000000:function:a:b:c", b"a:1:2", b":", b"::::", b"%2fetc%2fpasswd",
    b"file:%2f%2f%2fetc%2fpasswd", b"-1", b"0", b"9" * 40, b"1e9", b"NaN",
]  # fmt: skip
QUERY_PARTS = [
    b"MaxItems=-1", b"MaxItems=0", b"MaxItems=99999999999999999999", b"MaxItems=1e9", b"MaxItems=NaN", b"MaxItems=",
    b"MaxItems", b"Marker=%00", b"Marker=" + b"x" * 5000, b"Marker=e30%3D", b"Marker=..%2f..%2fcanary",
    b"Qualifier=%00", b"Qualifier=..%2f..", b"Qualifier=" + b"1" * 200, b"Qualifier=%ff",
    b"tagKeys=a&tagKeys=" + b"b" * 300, b"find=LayerVersion", b"find=Other", b"=", b"&&&", b"%", b"%zz=%zz",
    b"a" * 60_000, b"&".join([b"a=b"] * 5000), b"FunctionVersion=ALL", b"?" * 50, b"Expires=-1&Signature=",
]  # fmt: skip
HEADERS = [
    (b"X-Amz-Invocation-Type", b"Event"), (b"X-Amz-Invocation-Type", b"DryRun"), (b"X-Amz-Invocation-Type", b"\xff"),
    (b"X-Amz-Log-Type", b"Tail"), (b"X-Amz-Log-Type", b""), (b"X-Amz-Client-Context", b"e30="),
    (b"X-Amz-Client-Context", b"=="), (b"X-Amz-Client-Context", b"A" * 5000),
    (b"x-amzn-RequestId", b"00000000-0000-0000-0000-000000000000"), (b"x-amzn-RequestId", b"\x80"),
    (b"X-Amzn-Trace-Id", b"Root=1-0-0;" * 500), (b"X-Amzn-Trace-Id", b"=;=;=;"),
    (b"X-Amz-Target", b"Logs_20140328.DescribeLogGroups"), (b"X-Amz-Target", b"Logs_20140328.GetLogEvents"),
    (b"X-Amz-Target", b"Logs_20140328.FilterLogEvents"), (b"X-Amz-Target", b"Logs_20140328.DeleteResourcePolicy"),
    (b"X-Amz-Target", b"DynamoDB_20120810.ListTables"), (b"X-Amz-Target", b"."), (b"X-Amz-Target", b"\xf0\x9f\x92\xa9"),
    (b"Content-Type", b"multipart/form-data; boundary="), (b"Content-Encoding", b"gzip"),
    (b"Accept-Encoding", b"*;q=9"),
    (b"Authorization", b"AWS4-HMAC-SHA256 Credential=/////,SignedHeaders=;;;,Signature="),
    (b"Authorization", b"x" * 9000), (b"Range", b"bytes=-1"), (b"If-None-Match", b"*"),
    (b"Cookie", b"a=" + b"b" * 8000), (b"Host", b"a:b:c"), (b"Host", b""), (b"Upgrade", b"h2c"),
    (b"Expect", b"200-maybe"), (b"X-Forwarded-For", b"'; DROP TABLE functions; --"), (b"A" * 200, b"B" * 200),
]  # fmt: skip
#: JSON that a parser or a validator may stumble over; texts, because Python would not write some of them.
JSON_TEXTS = [
    "null", "true", "-0", "1e400", "-1e400", "1e-400", "1" + "0" * 400, "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "0.1", "01", "+1", ".5", "1.", "NaN", "Infinity", '""', '"\\u0000"', '"\\ud800"',
    '"\\udc00\\ud800"', '"\\uD83D\\uDE00"', '"\\x"', '"\t"', '"' + "x" * 70_000 + '"', '"\u202e\ufeff"', "[]", "{}",
    '{"":""}', '{"a":1,"a":2}', "[" * 200 + "]" * 200, "[" * 300 + "]" * 300, "[" * 20_000,
    '{"a":' * 300 + "1" + "}" * 300, "[" + "1," * 20_000 + "1]", "'a'", "/**/1", "undefined", '"../../../canary"',
    '"arn:aws:lambda:us-east-1:000000000000:function:a"', '"$LATEST"', '"%s%n%x"', '"' + "a" * 65 + '"', '"UEsDBA=="',
    '"' + "UEsDBBQ" * 50 + '"', '"====="', "[null]", "[[[]]]", '{"__proto__": {}}',
]  # fmt: skip
#: What stands for a value that is replaced in the text once the rest is written.
HOLE = "\ue000HOLE\ue000"
OTHER_PATHS = [
    b"/", b"/healthz", b"/2015-03-31", b"/2015-03-31/functions/", b"//2015-03-31//functions", b"*", b"/favicon.ico",
    b"http://localhost/healthz", b"/_swiftlet/code/..%2f..%2fmetadata.sqlite", b"/_swiftlet/code/../metadata.sqlite",
    b"/_swiftlet/code/" + b"0" * 64, b"/_swiftlet/code/", b"/swiftlet/2026-11-01/functions/..%2f../recycle",
    b"/swiftlet/2026-11-01/functions//recycle",
]  # fmt: skip
#: A function that the requests create, among all that they do not.
CREATION = {
    "FunctionName": "a", "Runtime": PYTHON, "Handler": "app.handler", "Role": ROLE,
    "Code": {"ZipFile": package({"app.py": "def handler(event, context): return event"})},
}  # fmt: skip


GARBAGE = [b"\r\n" * 1000, b"\x16\x03\x01" + b"\x00" * 300, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\n", b" " * 5000]


class Fuzzer:
    """A stream of requests; the same seed makes the same."""

    def __init__(self, random, operations, kept):
        self.random = random
        self.operations = operations
        self.creation = next(operation for operation in operations if operation.name == "CreateFunction")
        #: The name of a function that must outlive all this; only operations that change nothing may name it.
        self.kept = kept

    def valid_request(self):
        """Method, path, query, headers and body of a request that keeps every constraint."""
        operation = self.random.choice(self.operations)
        members = self.random.choice([valid, full])(operation.input)
        if self.random.random() < 0.05:
            operation, members = self.creation, CREATION
        names_kept = operation.method == "GET" and "FunctionName" in members and self.random.random() < 0.3
        if names_kept:
            members = {**members, "FunctionName": self.kept}
        request = Request(operation, members)
        path, _, query = request.target.encode().partition(b"?")
        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()]
        return operation.method.encode(), path, query, headers, request.body or b"", names_kept

    def well_framed(self):
        """A request whose length is right, whatever else is not: it has to be answered."""
        method, path, query, headers, body, names_kept = self.valid_request()
        for _ in range(self.random.randint(0, 3)):
            kind = self.random.choice(["method", "path", "path", "query", "headers", "bytes", "json", "json", "json"])
            if kind == "method" and not names_kept:
                method = self.random.choice(METHODS)
            elif kind == "path":
                path = self.mutated_path(path)
            elif kind == "query":
                query = b"&".join(filter(None, [query, self.random.choice(QUERY_PARTS)]))
            elif kind == "headers":
                headers = headers + self.random.choices(HEADERS, k=self.random.randint(1, 5))
            elif kind == "bytes":
                body = self.mutated_bytes(body)
            elif kind == "json":
                body = self.mutated_json(body)
        return method, message(method, path, query, headers, body)

    def mutated_path(self, path):
        if self.random.random() < 0.1:
            return self.random.choice(OTHER_PATHS)
        segments = path.split(b"/") if path.count(b"/") else [b"", path]
        position = self.random.randrange(1, len(segments))
        part = self.random.choice(PATH_PARTS)
        kind = self.random.randrange(4)
        if kind == 0:
            segments[position] = part
        elif kind == 1:
            segments.insert(position, part)
        elif kind == 2:
            segments[position] += part
        else:
            del segments[position]
        return b"/".join(segments) or b"/"

    def mutated_bytes(self, data):
        data = bytearray(data)
        for _ in range(self.random.randint(1, 8)):
            position = self.random.randint(0, len(data))
            kind = self.random.randrange(5)
            if kind == 0:
                data[position:position] = self.random.randbytes(self.random.randint(1, 20))
            elif kind == 1:
                del data[position : position + self.random.randint(1, 20)]
            elif kind == 2 and position < len(data):
                data[position] ^= 1 << self.random.randrange(8)
            elif kind == 3:
                data[position:position] = data[: self.random.randint(0, 200)]
            else:
                data[position:position] = self.random.choice(
                    [b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf"]
                )
        return bytes(data)

    def mutated_json(self, body):
        """The document with one of its values, names or itself replaced."""
        text = self.random.choice(JSON_TEXTS)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return text.encode()
        holders = list(self.holders(document))
        if not holders:
            return text.encode()
        holder, key = self.random.choice(holders)
        kind = self.random.randrange(4)
        if kind == 0 and isinstance(holder, dict):
            holder[self.random.choice(["", "\x00", "Unknown", key.lower(), key * 2])] = holder.pop(key)
        elif kind == 1 and isinstance(holder, dict):
            holder[key] = [copy.deepcopy(holder[key])] * self.random.choice([1, 3, 2000])
        else:
            holder[key] = HOLE
        return json.dumps(document, ensure_ascii=False).replace(f'"{HOLE}"', text).encode("utf-8", "surrogatepass")

    def holders(self, value):
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in entries:
            yield value, key
            yield from self.holders(part)

    def garbage(self):
        """Bytes that need not be HTTP at all."""
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.randbytes(self.random.randint(1, 2000))
        if kind == 1:
            return self.random.choice(GARBAGE)
        _, path, query, headers, _, _ = self.valid_request()
        # Without a body, so that it is not mistaken for one whose body never comes.
        whole = message(b"GET", path.replace(self.kept.encode(), b"a"), query, headers, b"")
        return self.mutated_bytes(whole)

    def cut_short(self):
        """The beginning of a request, whose end never comes."""
        _, whole = self.well_framed()
        return whole[: self.random.randrange(len(whole))]

    def pipelined(self):
        """Several requests at once; the methods, and the bytes of all of them."""
        requests = [self.well_formed() for _ in range(self.random.randint(2, 6))]
        return [method for method, _ in requests], b"".join(whole for _, whole in requests)

    def well_formed(self):
        method, path, query, headers, body, _ = self.valid_request()
        return method, message(method, path, query, headers, self.mutated_json(body) if body else body, close=False)


def message(method, path, query, headers, body, close=True):
    lines = [method + b" " + path + (b"?" + query if query else b"") + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in headers]
    if not any(name.lower() == b"host" for name, _ in headers):
        lines.append(b"Host: localhost")
    if body or method in (b"POST", b"PUT", b"PATCH"):
        lines.append(b"Content-Length: %d" % len(body))
    if close:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
