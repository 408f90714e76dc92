"""What a process has to renew that has been copied, with its machine, from one that many others have been copied from.

The kernel's random numbers are another machine's already. These are drawn from what a process keeps of them.
"""

import os
import sys


def prepare():
    """Called before the process is copied, to leave less to do for the copies."""
    # Imported anyhow, to wait for the restoration. A generator that has been used is reseeded in a tenth of the time that it takes
    # to set one up.
    import ssl

    ssl.RAND_bytes(1)


def renew():
    """Called before anything of the function's own. Only what has been imported can have kept anything."""
    for name, renew_module in _RENEWALS.items():
        if name in sys.modules:
            try:
                renew_module(sys.modules[name])
            except Exception as error:  # noqa: BLE001  of other releases of libraries, nothing is known
                print("{} could not be renewed: {!r}".format(name, error), file=sys.stderr)


def _renew_random(random):
    random.seed()


def _renew_tempfile(tempfile):
    # Names are drawn by a generator of its own.
    tempfile._name_sequence = None


def _renew_ssl(ssl):
    # OpenSSL reseeds the generators that connections draw from before they are used again.
    ssl.RAND_add(os.urandom(64), 64.0)


def _renew_numpy(numpy_random):
    numpy_random.seed()


_RENEWALS = {
    "random": _renew_random,
    "tempfile": _renew_tempfile,
    "ssl": _renew_ssl,
    "numpy.random": _renew_numpy,
}
