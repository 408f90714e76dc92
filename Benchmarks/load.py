"""HTTP load by wrk, and what it says about it."""

import re
import subprocess
import tempfile
from dataclasses import dataclass

#: Sends the same request over and over, and where asked to looks at each answer for the mark of a failed function.
SCRIPT = """
wrk.method = "POST"
wrk.body = "{}"
wrk.headers["Content-Type"] = "application/json"
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


def run(port, path, clients, seconds, check=False):
    """Keeps `clients` connections busy for so long.

    `check` counts failed functions as errors too, which costs wrk time.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.replace("CHECK", CHECK if check else ""))
        script.flush()
        done = subprocess.run(
            [
                "wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s",
                "--timeout", "60s", "--script", script.name, f"http://127.0.0.1:{port}{path}",
            ],
            capture_output=True, text=True,
        )  # fmt: skip
    found = re.search(r"RESULT (.*)", done.stdout)
    if not found:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    values = {key: int(value) for key, value in (pair.split("=") for pair in found[1].split())}
    return Load(
        requests=values["requests"],
        seconds=values["microseconds"] / 1e6,
        p50_ms=values["p50"] / 1000,
        p99_ms=values["p99"] / 1000,
        max_ms=values["max"] / 1000,
        errors=values["bad"],
    )
