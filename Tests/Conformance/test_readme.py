"""The tour in the README, word for word but for the port."""

import os
import re
import subprocess
import sys
from pathlib import Path

from packages import package
from swiftlet_server import ROOT

README_ENDPOINT = "http://127.0.0.1:9000"


def tour():
    """The shell blocks of the tour, without the one that installs a command line client: the tests have theirs."""
    text = (ROOT / "README.md").read_text()
    section = text.split("\n## A tour in five minutes\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "scripts/bootstrap" not in block]


def test_tour_works_word_for_word(own_server, own_functions, tmp_path):
    # What `make run` deploys before it shows the way.
    hello = (ROOT / "examples/hello/app.py").read_text()
    own_functions.create(package({"app.py": hello}), FunctionName="hello")
    directory = tmp_path / "tour"
    directory.mkdir()
    blocks = tour()
    assert len(blocks) >= 6
    script = "\necho '--- next'\n".join(blocks)
    assert README_ENDPOINT in script
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script.replace(README_ENDPOINT, own_server.endpoint)],
        cwd=directory, capture_output=True, text=True, timeout=300,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    by_curl, _, summed, log, greatest, found, failed, removed = done.stdout.split("--- next\n")
    assert "Hello, you!" in by_curl
    assert summed.rstrip().endswith("6")
    assert "adding {'numbers': [1, 2, 3]}" in log
    assert "REPORT RequestId" in log
    assert greatest.rstrip().endswith("3")
    assert "adding {'numbers': [1, 2, 3]}" in found
    assert '"FunctionError": "Unhandled"' in failed
    assert '"errorType": "KeyError"' in failed
    assert "sum" not in removed
