"""Deployment packages: what is kept, what is refused, and that nothing gets out of its place."""

import io
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from packages import device, entry, package, package_of, symlink

APP = (entry("app.py"), "def handler(event, context): return 1")
NOTHING_INSIDE = "Uploaded file must be a non-empty zip"
CANNOT_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
UNZIPPED_BYTES_MAX = 262_144_000
OUTSIDE = "swiftlet-escape-marker"


def truncated():
    whole = package_of([APP, (entry("more"), "x" * 10_000)])
    return whole[: len(whole) // 2]


def corrupt():
    whole = bytearray(package_of([APP, (entry("more"), bytes(range(256)) * 40)]))
    start = whole.index(b"more") + 8
    whole[start : start + 20] = b"\xff" * 20
    return bytes(whole)


HOSTILE = {
    "empty": b"",
    "text": b"this is no archive",
    "truncated": truncated(),
    "corrupt": corrupt(),
    "no entries": package_of([]),
    "parent": package_of([APP, (entry(f"../{OUTSIDE}"), "x")]),
    "parent inside": package_of([APP, (entry(f"a/../../{OUTSIDE}"), "x")]),
    "absolute": package_of([APP, (entry(f"/tmp/{OUTSIDE}"), "x")]),
    "through a link": package_of([APP, symlink("link", "/tmp"), (entry(f"link/{OUTSIDE}"), "x")]),
    "through a relative link": package_of([APP, symlink("link", "../../.."), (entry(f"link/{OUTSIDE}"), "x")]),
    "over a link": package_of([APP, symlink("link", f"/tmp/{OUTSIDE}"), (entry("link"), "x")]),
    "device": package_of([APP, device("node")]),
    "duplicate": package_of([APP, (entry("same"), "1"), (entry("same"), "2")]),
    "file as directory": package_of([APP, (entry("app.py/below"), "x")]),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_package_is_refused(server, functions, kind):
    name = functions.name()
    with pytest.raises(ClientError) as caught:
        functions.create(HOSTILE[kind], FunctionName=name)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    if kind != "empty":
        expected = NOTHING_INSIDE if kind == "no entries" else CANNOT_UNZIP
        assert caught.value.response["Error"]["Message"] == expected
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException):
        functions.client.get_function(FunctionName=name)
    assert not (Path("/tmp") / OUTSIDE).exists()
    assert not list(server.directory.rglob(OUTSIDE))


@pytest.mark.parametrize("kind", ["truncated", "parent", "device"])
def test_hostile_update_leaves_the_function_as_it_was(functions, kind):
    function = functions.create(package_of([APP]))
    with pytest.raises(ClientError) as caught:
        function.client.update_function_code(FunctionName=function.name, ZipFile=HOSTILE[kind])
    assert caught.value.response["Error"]["Message"] == CANNOT_UNZIP
    configuration = function.client.get_function_configuration(FunctionName=function.name)
    assert configuration["CodeSha256"] == function.configuration["CodeSha256"]
    assert function.ask() == 1


def bomb(size):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr(*APP)
        with archive.open(entry("zeros"), "w") as file:
            block = bytes(1 << 20)
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
    return output.getvalue()


def test_bomb_stops_at_the_limit(server, functions):
    code = bomb(UNZIPPED_BYTES_MAX)
    assert len(code) < 1_000_000
    with pytest.raises(ClientError) as caught:
        functions.create(code)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert caught.value.response["Error"]["Message"] == f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes"
    kept = sum(path.stat().st_size for path in server.data.rglob("*") if path.is_file() and path.name == "zeros")
    assert kept == 0


def test_bomb_that_lies_about_its_size_stops_at_the_limit(functions):
    code = bytearray(bomb(UNZIPPED_BYTES_MAX))
    size = UNZIPPED_BYTES_MAX.to_bytes(4, "little")
    lie = (100).to_bytes(4, "little")
    while (place := code.find(size)) >= 0:
        code[place : place + 4] = lie
    with pytest.raises(ClientError) as caught:
        functions.create(bytes(code))
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_package_that_is_too_large_is_refused(functions):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("app.py", "")
        archive.writestr("large", b"x" * 52_428_800)
    with pytest.raises(ClientError) as caught:
        functions.create(output.getvalue())
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 413)
    assert "must be smaller than" in caught.value.response["Error"]["Message"]


def test_modes_and_links_are_kept(functions):
    code = package_of(
        [
            (
                entry("app.py"),
                """
import os, subprocess
def handler(event, context):
    return {
        "tool": subprocess.run(["/var/task/bin/tool"], capture_output=True, text=True).stdout,
        "mode": os.stat("/var/task/bin/tool").st_mode & 0o777,
        "link": os.readlink("/var/task/alias"),
        "through": open("/var/task/alias").read(),
    }""",
            ),
            (entry("bin/tool", 0o755), "#!/bin/sh\necho ran"),
            (entry("data/text", 0o644), "content"),
            symlink("alias", "data/text"),
        ]
    )
    assert functions.create(code).ask() == {"tool": "ran\n", "mode": 0o755, "link": "data/text", "through": "content"}


def test_link_out_of_the_package_leads_into_the_sandbox_only(server, functions):
    secret = server.directory / "host-secret"
    secret.write_text("secret")
    code = package_of(
        [
            (entry("app.py"), "def handler(event, context):\n    return open('/var/task/link').read()"),
            symlink("link", str(secret)),
        ]
    )
    try:
        function = functions.create(code)
    except ClientError as error:
        assert error.response["Error"]["Message"] == CANNOT_UNZIP
        return
    answer = function.invoke({})
    assert answer.error_type in ("FileNotFoundError", "PermissionError")


def test_package_is_read_only(functions):
    function = functions.create("""
def handler(event, context):
    try:
        open("/var/task/new", "w")
    except OSError as error:
        return error.errno""")
    assert function.ask() in (13, 30)


def test_same_package_is_stored_once(server, functions):
    filler = "x = 1\n" * 50_000
    code = package({"app.py": "def handler(event, context): return 1", "filler_once.py": filler})
    for _ in range(3):
        assert functions.create(code).ask() == 1
    assert len(list(server.data.rglob("filler_once.py"))) <= 1
