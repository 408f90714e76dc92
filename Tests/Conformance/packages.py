"""Builds deployment packages, good ones and hostile ones."""

import io
import stat
import zipfile


def entry(name, mode=0o644, kind=stat.S_IFREG):
    info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = (kind | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def package(files, executable=()):
    """A package of the given files, `name: text or bytes`."""
    return package_of((entry(name, 0o755 if name in executable else 0o644), content) for name, content in files.items())


def package_of(entries):
    """A package of any entries whatever, in their order; a name may stand there twice."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for info, content in entries:
            archive.writestr(info, content)
    return output.getvalue()


def symlink(name, target):
    return entry(name, 0o777, stat.S_IFLNK), target


def device(name):
    return entry(name, 0o666, stat.S_IFCHR), b""


def python_package(source):
    return package({"app.py": source})


def script_package(source):
    """A package for `provided.*` whose bootstrap is a Python script; see `SCRIPT_PRELUDE`."""
    return package({"bootstrap": SCRIPT_PRELUDE + source}, executable={"bootstrap"})


#: What the scripts of misbehaving runtimes begin with: a bare Runtime API client.
SCRIPT_PRELUDE = """#!/usr/bin/python3
import http.client, json, os, sys, time

def connect():
    return http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

connection = connect()

def call(method, path, body=None, headers={}):
    connection.request(method, "/2018-06-01/runtime/" + path, body, headers)
    response = connection.getresponse()
    return response.status, response.headers, response.read().decode()

def next_invoke():
    status, headers, body = call("GET", "invocation/next")
    return headers["Lambda-Runtime-Aws-Request-Id"], body

def respond(request_id, body):
    return call("POST", f"invocation/{request_id}/response", body)

"""
