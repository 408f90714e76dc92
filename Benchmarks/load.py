"""HTTP load by wrk, and what it says about it."""

import json
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass

#: Sends the same request over and over, and where asked to looks at each answer for the mark of a failed function.
SCRIPT = """
wrk.method = "POST"
wrk.body = BODY
wrk.headers["Content-Type"] = "application/json"
HEADERS
failed = 0
local threads = {}
function setup(thread) table.insert(threads, thread) end
CHECK
function done(summary, latency, requests)
    local all = 0
    for _, thread in ipairs(threads) do all = all + thread:get("failed") end
    io.write(string.format("RESULT requests=%d microseconds=%d p50=%d p99=%d max=%d bad=%d\\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
        all + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
            + summary.errors.timeout))
end
"""
LOOK_SECONDS = 0.02
CHECK = """
function response(status, headers, body)
    for name, _ in pairs(headers) do
        if string.lower(name) == "x-amz-function-error" then failed = failed + 1 end
    end
end
"""


@dataclass
class Load:
    """What one run of wrk measured."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int

    @property
    def per_second(self):
        return self.requests / self.seconds


def run(port, path, clients, seconds, check=False, body="{}", headers={}, until=None, address="127.0.0.1"):
    """Keeps `clients` connections busy for so long.

    `check` counts failed functions as errors too, which costs wrk time. `until`, where given, is asked again and again
    and ends the run before its time once it is true.
    """
    lines = "".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n" for name, value in headers.items())
    text = SCRIPT.replace("CHECK", CHECK if check else "").replace("HEADERS", lines).replace("BODY", json.dumps(body))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(text)
        script.flush()
        wrk = subprocess.Popen(
            [
                "wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s",
                "--timeout", "60s", "--script", script.name, f"http://{address}:{port}{path}",
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while True:
            try:
                output, problem = wrk.communicate(timeout=LOOK_SECONDS if until else None)
                break
            except subprocess.TimeoutExpired:
                if until():
                    wrk.send_signal(signal.SIGINT)
    found = re.search(r"RESULT (.*)", output)
    if not found:
        raise SystemExit(f"wrk failed: {output}{problem}")
    values = {key: int(value) for key, value in (pair.split("=") for pair in found[1].split())}
    return Load(
        requests=values["requests"],
        seconds=values["microseconds"] / 1e6,
        p50_ms=values["p50"] / 1000,
        p99_ms=values["p99"] / 1000,
        max_ms=values["max"] / 1000,
        errors=values["bad"],
    )
