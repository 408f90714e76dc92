"""Waiting for what comes about in its own time."""

import time

#: How long one look lasts, in seconds.
LOOK_SECONDS = 0.05


def eventually(look, seconds=60, what="it"):
    """Looks until there is something to be seen, and returns that; fails when it takes too long."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"after {seconds} s it is still not so that {what}"
        time.sleep(LOOK_SECONDS)
    return seen
