"""What a function can reach: nothing unless it is told so, and then the internet, but no host and no other function."""

import socket
import subprocess

import pytest
from lambda_client import NODE, Functions
from packages import package
from small_internet import HOST, METADATA, NAME, PRIVATE, WORLD, SmallInternet
from swiftlet_server import SwiftletServer

pytestmark = pytest.mark.xdist_group("network")

SUBNET = "subnet-0a1b2c3d"
ATTACHED = {"SubnetIds": [SUBNET], "SecurityGroupIds": ["sg-1"]}

VISITOR = """
import errno, os, socket

def connect(host, port):
    "What the other side says, or the error."
    try:
        with socket.create_connection((host, port), 5) as s:
            return s.recv(100).decode()
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)

def handler(event, context):
    local = {}
    exec(event, globals(), local)
    return local.get("result")
"""


@pytest.fixture(scope="module")
def internet():
    internet = SmallInternet()
    yield internet
    internet.close()


@pytest.fixture
def on_host(internet):
    """Runs the test, its clients and its servers on the small internet's host."""
    with internet.host.entered():
        yield


def serving(internet, directory, *arguments):
    with internet.host.entered():
        return SwiftletServer(directory, arguments=["--network-resolvers", WORLD, *arguments]).start()


@pytest.fixture(scope="module")
def open_server(internet, tmp_path_factory):
    """Gives every function the internet that is attached to nothing."""
    server = serving(internet, tmp_path_factory.mktemp("open"), "--network", "internet")
    yield server
    with internet.host.entered():
        server.close()


@pytest.fixture(scope="module")
def closed_server(internet, tmp_path_factory):
    """Gives the internet only to functions in one subnet."""
    server = serving(
        internet, tmp_path_factory.mktemp("closed"), "--internet-subnets", SUBNET, "--network-allow", f"{PRIVATE}/32"
    )
    yield server
    with internet.host.entered():
        server.close()


@pytest.fixture
def open_functions(on_host, open_server):
    functions = Functions(open_server, "f")
    yield functions
    functions.close()


@pytest.fixture
def closed_functions(on_host, closed_server):
    functions = Functions(closed_server, "f")
    yield functions
    functions.close()


@pytest.fixture
def visitor(open_functions):
    return open_functions.create(VISITOR)


REFUSED = ("EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED", "EACCES")


def test_public_address_and_name_are_reached_as_the_host(visitor):
    assert visitor.ask(f"result = connect({WORLD!r}, 80)") == HOST
    assert visitor.ask(f"result = connect({NAME!r}, 80)") == HOST
    assert visitor.ask(f"result = connect('missing.{NAME}', 80)") == "gaierror"


@pytest.mark.parametrize(
    "host, port",
    [
        (HOST, 80),
        (METADATA, 80),
        (PRIVATE, 80),
        ("169.254.78.1", 80),
        ("169.254.80.0", 80),
        ("169.254.80.1", 80),
    ],
)
def test_neither_host_nor_gateway_nor_private_address_is_reached(visitor, host, port):
    assert visitor.ask(f"result = connect({host!r}, {port})") in REFUSED


def test_own_loopback_is_not_the_hosts(visitor, open_server):
    assert visitor.ask(f"result = connect('127.0.0.1', {open_server.port})") == "ECONNREFUSED"


def test_service_is_out_of_reach_wherever_it_listens(internet, on_host, tmp_path):
    """It listens on all of the host's addresses here, which it warns of."""
    options = ["--network", "internet", "--network-resolvers", WORLD, "--authentication", "off"]
    server = SwiftletServer(tmp_path, arguments=options)
    listening = server.command
    server.command = lambda: [text.replace("127.0.0.1:", "0.0.0.0:") for text in listening()]
    server.start()
    try:
        with socket.create_connection((HOST, server.port), 5):
            pass
        function = Functions(server, "f").create(VISITOR)
        assert function.ask(f"result = connect({HOST!r}, {server.port})") in REFUSED
    finally:
        server.close()


def test_no_function_reaches_another(open_functions):
    """One waits for a connection at its own address, the other tries to make one."""
    own_address = """
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect(({!r}, 9))
    result = s.getsockname()[0]""".format(WORLD)
    first, second = open_functions.create(VISITOR), open_functions.create(VISITOR)
    addresses = [function.ask(own_address) for function in (first, second)]
    assert len(set(addresses)) == 2
    listen = "s = socket.socket(); s.bind(('0.0.0.0', 8080)); s.listen(); os.kept = s; result = True"
    assert first.ask(listen)
    assert first.ask(f"result = connect('{addresses[0]}', 8081)") == "ECONNREFUSED"
    assert second.ask(f"result = connect('{addresses[0]}', 8080)") in REFUSED


def test_nothing_comes_in(internet, visitor):
    """A connection from the world to the port of an outgoing one finds nobody."""
    listening = "s = socket.socket(); s.bind(('0.0.0.0', 8080)); s.listen(); os.kept = s; result = True"
    assert visitor.ask(listening)
    with internet.world.entered():
        with pytest.raises(OSError):
            socket.create_connection((HOST, 8080), 5).close()


def test_attached_function_has_what_its_subnets_have(closed_functions):
    isolated = closed_functions.create(VISITOR)
    attached = closed_functions.create(VISITOR, VpcConfig=ATTACHED)
    elsewhere = closed_functions.create(VISITOR, VpcConfig={**ATTACHED, "SubnetIds": [SUBNET, "subnet-2"]})
    assert attached.ask(f"result = connect({NAME!r}, 80)") == HOST
    for function in (isolated, elsewhere):
        assert function.ask(f"result = connect({WORLD!r}, 80)") == "ENETUNREACH"
        assert function.ask(f"result = connect({NAME!r}, 80)") == "gaierror"
    # The operator has allowed this one address of a private network.
    assert attached.ask(f"result = connect({PRIVATE!r}, 80)") == HOST


def test_vpc_configuration_is_kept_changed_and_taken_away(closed_functions):
    function = closed_functions.create(VISITOR, VpcConfig=ATTACHED)
    client = function.client

    def shown():
        return client.get_function_configuration(FunctionName=function.name).get("VpcConfig")

    assert shown() == {**ATTACHED, "VpcId": shown()["VpcId"], "Ipv6AllowedForDualStack": False}
    assert shown()["VpcId"].startswith("vpc-")
    assert function.ask(f"result = connect({WORLD!r}, 80)") == HOST

    client.update_function_configuration(FunctionName=function.name, Description="still attached")
    function.wait_until_updated()
    assert shown()["SubnetIds"] == [SUBNET]
    client.update_function_configuration(
        FunctionName=function.name, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}
    )
    function.wait_until_updated()
    assert shown() == {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
    assert function.ask(f"result = connect({WORLD!r}, 80)") == "ENETUNREACH"

    with pytest.raises(client.exceptions.InvalidParameterValueException) as raised:
        client.update_function_configuration(FunctionName=function.name, VpcConfig={"SubnetIds": [SUBNET]})
    message = "SubnetIds and SecurityIds must coexist or be both empty list."
    assert raised.value.response["Error"]["Message"] == message


def test_node_resolves_and_connects(open_functions):
    source = """
    const net = require("net");
    exports.handler = (event) => new Promise((resolve, reject) => {
        const socket = net.connect(80, event);
        socket.on("data", (data) => resolve(data.toString())).on("error", reject);
    });
    """
    function = open_functions.create(package({"app.js": source}), Runtime=NODE)
    assert function.ask(NAME) == HOST


def test_attack_on_the_network_from_within_is_refused(visitor):
    """With a network, there is more to attack; a function still has no right over any of it."""
    for attack in (
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)",
        "socket.if_nameindex() and __import__('fcntl').ioctl(socket.socket(), 0x8914, b'eth0'.ljust(40, b'\\0'))",
        "open('/proc/sys/net/ipv4/ip_forward', 'w').write('1')",
    ):
        result = visitor.ask(f"""
try:
    {attack}
    result = "allowed"
except OSError as error:
    result = "refused\"""")
        assert result == "refused", attack


def test_connections_are_limited_and_the_next_function_is_not_harmed(open_functions):
    """One sends to a great many ports, each of which is a connection to those who keep account of them."""
    greedy, other = open_functions.create(VISITOR, Timeout=60), open_functions.create(VISITOR)
    refused = greedy.ask(f"""
result = 0
for number in range(1500):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(({WORLD!r}, 1000 + number))
            s.send(b"x")
            s.send(b"x")
        except OSError:
            result += 1""")
    assert 0 < refused < 1500
    assert other.ask(f"result = connect({NAME!r}, 80)") == HOST


def test_nothing_is_left_by_a_stop_or_after_a_kill(internet, on_host, tmp_path):
    server = SwiftletServer(tmp_path, arguments=["--network", "internet", "--network-resolvers", WORLD])
    before = host_traces()
    server.start()
    assert Functions(server, "f").create(VISITOR).ask(f"result = connect({WORLD!r}, 80)") == HOST
    assert host_traces() != before
    assert server.stop() == 0
    assert host_traces() == before
    server.start()
    assert Functions(server, "g").create(VISITOR).ask(f"result = connect({WORLD!r}, 80)") == HOST
    server.kill()
    server.start()
    assert Functions(server, "h").create(VISITOR).ask(f"result = connect({WORLD!r}, 80)") == HOST
    assert server.stop() == 0
    assert host_traces() == before


def host_traces():
    """The interfaces, routes and rules of the host.

    Of IPv4 only: the kernel gives every interface an IPv6 address and routes to it a second or two after it has come up,
    those of other tests' servers among them.
    """
    commands = ["ip -brief link", "ip -4 route show table all", "nft list tables"]
    return [
        subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout for command in commands
    ]


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--network", "lan"], "network"),
        (["--internet-subnets", "nonsense"], "internet-subnets"),
        (["--network-resolvers", "10.0.0.0/8"], "network-resolvers"),
        (["--network-allow", "10.0.0.1/8"], "network-allow"),
    ],
)
def test_bad_configuration_names_the_key(tmp_path, arguments, told):
    server = SwiftletServer(tmp_path, arguments=arguments)
    with pytest.raises(AssertionError, match="ended with status"):
        server.start()
    assert f"'{told}'" in server.log


def test_missing_rights_are_told(internet, on_host, tmp_path):
    """Without root's rights there is no network to give; a service that was told to give one does not start."""
    server = SwiftletServer(tmp_path, arguments=["--network", "internet"])
    listening = server.command
    server.command = lambda: ["setpriv", "--bounding-set=-sys_admin", *listening()]
    with pytest.raises(AssertionError, match="ended with status"):
        server.start()
    assert "functions cannot be given a network" in server.log
