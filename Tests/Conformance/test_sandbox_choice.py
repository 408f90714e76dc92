"""Functions that choose what they run in, by their tag `swiftlet:sandbox`."""

from pathlib import Path

import pytest
from lambda_client import Functions, error_of
from packages import package
from swiftlet_server import ROOT, SANDBOX, SwiftletServer

MACHINES = ["--machines", "qemu-emulation", "--guest-images", str(ROOT / ".guest/guests")]

#: Tells what isolates it, and what it sees of what machines need.
CODE = """
import os
def handler(event, context):
    seen = [p for p in ("/dev/kvm", "/usr/share/qemu") if os.path.exists(p)]
    return [open("/proc/version").read(), seen, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]]
"""

HOST = Path("/proc/version").read_text()

pytestmark = pytest.mark.skipif(SANDBOX == "microvm", reason="the servers of these tests have both kinds of sandboxes")


@pytest.fixture(scope="module", params=["namespaces,microvm", "microvm,namespaces"])
def both(request, tmp_path_factory):
    """A server with both, and the kind that it prefers."""
    server = SwiftletServer(tmp_path_factory.mktemp("both"), ["--sandbox", request.param, *MACHINES])
    server.start()
    yield server, request.param.partition(",")[0]
    server.close()


def kind(answer):
    version, seen, _ = answer
    assert seen == []
    return "namespaces" if version == HOST else "microvm"


def test_function_runs_in_what_it_has_chosen(both):
    server, preferred = both
    functions = Functions(server, "chooser")
    assert kind(functions.create(CODE).ask()) == preferred
    for chosen in ("namespaces", "microvm"):
        assert kind(functions.create(CODE, Tags={"swiftlet:sandbox": chosen}).ask()) == chosen
    functions.close()


def test_function_moves_when_it_chooses_anew(both):
    server, preferred = both
    functions = Functions(server, "mover")
    function = functions.create(CODE, Publish=True)
    arn = function.configuration["FunctionArn"].removesuffix(":1")
    other = {"namespaces": "microvm", "microvm": "namespaces"}[preferred]
    for change, expected in [
        (lambda: None, preferred),
        (lambda: function.client.tag_resource(Resource=arn, Tags={"swiftlet:sandbox": other, "more": "x"}), other),
        (lambda: function.client.untag_resource(Resource=arn, TagKeys=["more"]), other),
        (lambda: function.client.untag_resource(Resource=arn, TagKeys=["swiftlet:sandbox"]), preferred),
    ]:
        change()
        # Also the version, which never changes otherwise.
        assert [kind(function.ask()), kind(function.ask(Qualifier="1"))] == [expected, expected]
    functions.close()


def test_snapshots_are_of_those_in_machines(both):
    server, _ = both
    functions = Functions(server, "keeper")
    for chosen, status in [("microvm", "On"), ("namespaces", "Off")]:
        function = functions.create(
            CODE, Tags={"swiftlet:sandbox": chosen}, Publish=True, SnapStart={"ApplyOn": "PublishedVersions"}
        )
        waiter = function.client.get_waiter("published_version_active")
        waiter.wait(FunctionName=function.name, Qualifier="1", WaiterConfig={"Delay": 1})
        configuration = function.client.get_function_configuration(FunctionName=function.name, Qualifier="1")
        assert configuration["SnapStart"]["OptimizationStatus"] == status
        answer = function.ask(Qualifier="1")
        assert kind(answer) == chosen and answer[2] == "snap-start"
    functions.close()


def test_choice_that_cannot_be_is_refused(both, functions):
    server, _ = both
    choosers = Functions(server, "refused")
    function = choosers.create(CODE)
    bad = "The tag swiftlet:sandbox must be one of namespaces, microvm, not container."
    assert error_of(choosers.create, code=CODE, Tags={"swiftlet:sandbox": "container"}) == (
        400, "InvalidParameterValueException", bad
    )  # fmt: skip
    assert error_of(
        function.client.tag_resource,
        Resource=function.configuration["FunctionArn"], Tags={"swiftlet:sandbox": "container"},
    ) == (400, "InvalidParameterValueException", bad)  # fmt: skip
    # A server that has only one kind says how it could have the other.
    assert error_of(functions.create, code=CODE, Tags={"swiftlet:sandbox": "microvm"}) == (
        400, "InvalidParameterValueException",
        "This service has no sandboxes of kind microvm; start it with --sandbox namespaces,microvm.",
    )  # fmt: skip
    assert functions.create(CODE, Tags={"swiftlet:sandbox": "namespaces"}).ask()[0] == HOST
    # A runtime of which there is no image.
    ruby = package({"app.rb": "def handler(event:, context:) = 1"})
    status, code, message = error_of(
        choosers.create, code=ruby, Runtime="ruby3.3", Tags={"swiftlet:sandbox": "microvm"}
    )
    assert (status, code) == (400, "InvalidParameterValueException") and "ruby3.3" in message
    assert kind(function.ask()) in ("namespaces", "microvm")
    choosers.close()


def test_options_that_make_no_sense_are_refused(tmp_path):
    for value in ("", "namespaces,", "container", "microvm,microvm"):
        server = SwiftletServer(tmp_path / f"s{len(value)}", ["--sandbox", value, *MACHINES])
        server.directory.mkdir()
        with pytest.raises(AssertionError):
            server.start()
        assert "sandbox" in server.log and "namespaces, microvm" in server.log
