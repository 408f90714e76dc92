"""Processes that a test starts, and that end with it."""

import os
import signal
import subprocess

from waiting import eventually

#: How long a program may take to end when it is asked to, in seconds.
STOP_SECONDS_MAX = 60


class Program:
    """A process on a host of the network, with what it prints in a file. Signals go to it alone, by its number."""

    def __init__(self, name, host, command, log_path, environment=None):
        self.name = name
        self.host = host
        self.command = [str(part) for part in command]
        self.log_path = log_path
        self.environment = environment or {}
        self.process = None
        self.is_frozen = False

    def start(self):
        assert self.process is None, f"{self.name} runs already"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                # Whatever becomes of the test, it does not outlive it.
                self.host.command("setpriv", "--pdeathsig=KILL", *self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self.environment},
            )  # fmt: skip
        return self

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def log_size(self):
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_since(self, size):
        with self.log_path.open("rb") as file:
            file.seek(size)
            return file.read().decode(errors="replace")

    def wait_for_line(self, text, since=0, seconds=60):
        """Waits until it has printed something."""

        def look():
            assert self.is_running, f"{self.name} has ended:\n{self.log[-4000:]}"
            return text in self.log_since(since)

        eventually(look, seconds, f"{self.name} says: {text}")

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def freeze(self):
        self.send(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self):
        self.send(signal.SIGCONT)
        self.is_frozen = False

    def kill(self):
        """Ends it as a power failure would."""
        process, self.process = self.process, None
        self.is_frozen = False
        process.kill()
        process.wait()

    def ask_to_stop(self, number=signal.SIGTERM):
        if self.is_frozen:
            self.thaw()
        self.send(number)

    def wait(self, seconds=STOP_SECONDS_MAX):
        """Waits until it has ended, and returns its status."""
        process, self.process = self.process, None
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s:\n{self.log[-4000:]}") from None

    def stop(self, number=signal.SIGTERM, seconds=STOP_SECONDS_MAX):
        """Asks it to end, waits until it has, and returns its status."""
        self.ask_to_stop(number)
        return self.wait(seconds)
