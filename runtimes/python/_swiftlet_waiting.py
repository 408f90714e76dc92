"""A runtime that was started before there was a function for it: waits to be told of one, then becomes what a process
would be that was started for it.

It sends one byte over a descriptor of its own when it is ready. The service answers with one message and closes the
descriptor: the handler, the directory, and then each environment variable, with a NUL between them. Before that it may send
one byte, 1, to have an invoke rehearsed, and is told with another byte that this is done.
"""

import os
import sys

import _swiftlet_renewal

#: The variable that names the descriptor; only a waiting runtime has it.
CHANNEL = "_SWIFTLET_CHANNEL"
#: What asks for a rehearsal. No handler begins with it.
REHEARSE = b"\1"
#: Variables that awslambdaric.bootstrap reads as it is imported.
READ_AT_IMPORT = ("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL")
#: The places in /proc/self/stat of where the environment begins and ends in memory, counted after the name.
ENVIRONMENT_START, ENVIRONMENT_END = 47, 48


def wait_for_function(search_path):
    """Returns when there is a function; this process's environment, directory and arguments are its own then.

    `search_path` are the directories where the function's modules are looked for before the standard library.
    Should the function bring a module of its own that this process has imported from elsewhere, the interpreter starts
    anew, so that the function gets its own.
    """
    channel = int(os.environ[CHANNEL])
    before = set(sys.modules)
    _import_ahead()
    imported = {name.partition(".")[0] for name in set(sys.modules) - before}
    # Ready: from here on it is the service's turn.
    os.write(channel, b"\0")
    message = os.read(channel, 1)
    if message == REHEARSE:
        _rehearse()
        os.write(channel, b"\0")
        message = b""
    message += _read(channel)
    if not message:
        # The service has changed its mind.
        os._exit(0)
    handler, directory, *variables = (os.fsdecode(field) for field in message.split(b"\0"))
    _swiftlet_renewal.renew()
    # It is no module of the function's.
    del sys.modules["_swiftlet_renewal"]
    _set_environment(variables)
    os.chdir(directory)
    if _are_shadowed(imported, search_path()):
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.execv(sys.orig_argv[0], [*sys.orig_argv, handler])
    sys.argv.append(handler)
    sys.orig_argv.append(handler)


def _import_ahead():
    """Imports what the first invoke of most functions imports. What costs more memory than that is worth is left out:
    ssl and all that needs it takes as much again as all of this."""
    import base64  # noqa: F401
    import datetime  # noqa: F401
    import threading  # noqa: F401
    import time  # noqa: F401
    import urllib.parse  # noqa: F401

    import awslambdaric.__main__  # noqa: F401
    import awslambdaric.lambda_literals  # noqa: F401


def _rehearse():
    try:
        import _swiftlet_rehearsal

        _swiftlet_rehearsal.rehearse()
    except Exception as error:
        # The function does not need it.
        print("a rehearsal failed: {!r}".format(error), file=sys.stderr)
    sys.modules.pop("_swiftlet_rehearsal", None)


def _read(channel):
    pieces = []
    while piece := os.read(channel, 65536):
        pieces.append(piece)
    os.close(channel)
    return b"".join(pieces)


def _set_environment(variables):
    time_zone = os.environ.get("TZ")
    # Each is taken out before any is put in, so that nothing points into the memory that they started in.
    os.environ.clear()
    for variable in variables:
        name, _, value = variable.partition("=")
        os.environ[name] = value
    _show_environment(variables)
    if os.environ.get("TZ") != time_zone:
        import time

        time.tzset()
    if any(name in os.environ for name in READ_AT_IMPORT):
        import awslambdaric

        del awslambdaric.bootstrap, awslambdaric.__main__
        del sys.modules["awslambdaric.bootstrap"], sys.modules["awslambdaric.__main__"]


def _show_environment(variables):
    """Puts the variables where /proc/self/environ shows them. The service has left room for them there."""
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[ENVIRONMENT_START]), int(fields[ENVIRONMENT_END])
        text = b"".join(os.fsencode(variable) + b"\0" for variable in variables)
        if len(text) > end - start:
            text = b""
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            os.pwrite(memory.fileno(), text.ljust(end - start, b"\0"), start)
    except (OSError, ValueError, IndexError):
        # It is for looking at only.
        pass


def _are_shadowed(imported, search_path):
    for directory in search_path:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        if any(name.partition(".")[0] in imported for name in names):
            return True
    return False
