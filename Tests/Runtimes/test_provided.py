"""The example of a runtime in C, which the conformance tests and benchmarks use as their fastest function."""

import subprocess
import zipfile

import pytest
from function_code import ROOT, function_environment
from runtime_api import Runtime


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory):
    directory = tmp_path_factory.mktemp("provided")
    subprocess.run([str(ROOT / "examples/hello-provided/build"), str(directory / "package.zip")], check=True)
    with zipfile.ZipFile(directory / "package.zip") as package:
        assert package.getinfo("bootstrap").external_attr >> 16 & 0o111
        package.extract("bootstrap", directory)
    (directory / "bootstrap").chmod(0o755)
    return directory / "bootstrap"


@pytest.mark.parametrize("size", [0, 1, 100_000, 6_291_454])
def test_echo_returns_the_event(bootstrap, runtimes, tmp_path, size):
    runtime = Runtime([str(bootstrap)], function_environment(tmp_path, "unused", {}), tmp_path)
    runtimes.append(runtime)
    for _ in range(2):
        assert runtime.invoke("x" * size).payload == "x" * size
