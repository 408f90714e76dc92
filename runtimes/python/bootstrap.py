"""Starts awslambdaric, the official runtime client, the way Lambda's own images do.

Run as `python3.X -S /var/runtime/bootstrap.py HANDLER` in /var/task. `-S` keeps the host's own packages
(/usr/lib/python3/dist-packages) out of the function's sight and saves a few milliseconds of start; what users expect
of the site module beyond paths, the builtins `exit` and its like, is put back here.
"""

import os
import site
import sys


def _search_path():
    # As on AWS: the function's code first, then layers, then the runtime, then the standard library.
    version = "python{}.{}".format(*sys.version_info)
    return [
        os.environ.get("LAMBDA_TASK_ROOT", "/var/task"),
        "/opt/python/lib/{}/site-packages".format(version),
        "/opt/python",
    ]


site.setquit()
site.setcopyright()
site.sethelper()
if "_SWIFTLET_CHANNEL" in os.environ:
    import _swiftlet_waiting

    _swiftlet_waiting.wait_for_function(_search_path)
    del _swiftlet_waiting, sys.modules["_swiftlet_waiting"]
# The first entry is this script's directory; it stands in PYTHONPATH again, behind it.
sys.path[:1] = _search_path()

if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    import _swiftlet_renewal  # noqa: E402
    import snapshot_restore_py  # noqa: E402

    snapshot_restore_py.register_before_snapshot(_swiftlet_renewal.prepare)
    # The first, so that the function's own hooks find everything renewed.
    snapshot_restore_py.register_after_restore(_swiftlet_renewal.renew)

from awslambdaric.__main__ import main  # noqa: E402  the path has to stand first

main(sys.argv)
