"""The floor: a bare asyncio server (uvloop) that answers every request with the same bytes, read from standard input.

Run with the interpreter of .venv-bench: `floor_server.py PORT`. Prints `ready` once it listens.
"""

import asyncio
import sys

import uvloop


class Floor(asyncio.Protocol):
    def __init__(self, response):
        self._response = response
        self._received = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._received += data
        while True:
            head, separator, rest = self._received.partition(b"\r\n\r\n")
            if not separator:
                return
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if len(rest) < length:
                return
            self._received = rest[length:]
            self._transport.write(self._response)


async def main():
    response = sys.stdin.buffer.read()
    server = await asyncio.get_running_loop().create_server(lambda: Floor(response), "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()


uvloop.run(main())
