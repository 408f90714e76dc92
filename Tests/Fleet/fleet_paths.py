"""Where things are."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SWIFTLET_BINARY", ROOT / ".build/release/swiftlet"))


def _version(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


#: The runtime of a Debian host.
PYTHON = "python" + _version("/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
