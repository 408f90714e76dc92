"""Invokes a function at a fixed rate over one connection: `steady.py PORT PATH RATE SECONDS`.

Prints the times in ms as a JSON list. Each is counted from when the invoke was due, so that one which is held up by
the one before it counts as late: a caller at the other end would have waited as long.
"""

import http.client
import json
import os
import sys
import time


def main():
    port, path, rate, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    try:
        # Stands for a caller on another host, who does not share its processors with the functions.
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except PermissionError:
        pass
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    times = []
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        time.sleep(max(0, due - time.perf_counter()))
        connection.request("POST", path, b"{}")
        response = connection.getresponse()
        body = response.read()
        if response.status != 200 or response.headers.get("X-Amz-Function-Error"):
            raise SystemExit(f"an invoke failed with {response.status}: {body[:1000]!r}")
        times.append((time.perf_counter() - due) * 1000)
    print(json.dumps(times))


main()
