"""A network of the test's own: a namespace for each host, all on one switch, and nothing else on it.

Every host can be cut off from every other one, in either direction by itself: what comes to a host from an address that it
is deaf to is dropped there, as a bad cable would, and nobody is told.
"""

import contextlib
import ctypes
import itertools
import os
import subprocess
import uuid

CLONE_NEWNET = 0x40000000
#: So that a mistake cannot fill the machine.
HOSTS_MAX = 32
SUBNET = "10.99.0"

_libc = ctypes.CDLL(None, use_errno=True)

_DEAFNESS = """
table inet faults {
    set deaf { type ipv4_addr; }
    chain heard { type filter hook input priority 0; ip saddr @deaf drop; }
}
"""


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, **options)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


@contextlib.contextmanager
def _entered(namespace):
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
        finally:
            os.close(there)
        yield
    finally:
        _enter(own)
        os.close(own)


class NetworkHost:
    """One host's end of the network: a namespace with an address."""

    def __init__(self, network, name, number):
        self.network = network
        self.name = name
        self.address = f"{SUBNET}.{number}"
        self.namespace = f"{network.name}-{number}"
        _run("ip", "netns", "add", self.namespace)
        self.ip("link", "set", "lo", "up")
        #: Its cable's other end, at the switch.
        self.port = f"port{number}"
        network.ip("link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        network.ip("link", "set", self.port, "master", "switch", "up")
        self.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        self.ip("link", "set", "eth0", "up")
        self._nft("-f", "-", input=_DEAFNESS)

    def ip(self, *arguments):
        _run("ip", "-netns", self.namespace, *arguments)

    def _nft(self, *arguments, **options):
        _run(*self.command("nft", *arguments), **options)

    def command(self, *command):
        """The command that runs another one on this host. It becomes the other one: its process is the same."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def entered(self):
        """The calling thread is on this host meanwhile, and so are the threads and processes that it starts."""
        return _entered(self.namespace)

    def turn_deaf(self, others):
        """Hears nothing of these hosts any more; what it sends to them still arrives."""
        addresses = ", ".join(other.address for other in others)
        self._nft("add", "element", "inet", "faults", "deaf", f"{{ {addresses} }}")

    def hear_all(self):
        self._nft("flush", "set", "inet", "faults", "deaf")


class Network:
    def __init__(self):
        self.name = f"fleet-{uuid.uuid4().hex[:8]}"
        self.switch = f"{self.name}-switch"
        self.hosts = {}
        self._numbers = itertools.count(2)
        _run("ip", "netns", "add", self.switch)
        self.ip("link", "add", "switch", "type", "bridge")
        self.ip("link", "set", "switch", "up")

    def ip(self, *arguments):
        """Changes something at the switch."""
        _run("ip", "-netns", self.switch, *arguments)

    def host(self, name):
        """The host of a name, which is made when it is first asked for."""
        if name not in self.hosts:
            assert len(self.hosts) < HOSTS_MAX, "there are too many hosts"
            self.hosts[name] = NetworkHost(self, name, next(self._numbers))
        return self.hosts[name]

    def cut(self, some, others, *, one_way=False):
        """Nothing passes any more between some hosts and others; one way: the others hear nothing of the first."""
        some, others = list(some), list(others)
        for other in others:
            other.turn_deaf(some)
        if not one_way:
            for host in some:
                host.turn_deaf(others)

    def heal(self):
        for host in self.hosts.values():
            host.hear_all()

    # For whoever puts something between a host and the switch.

    def switch_entered(self):
        """The calling thread sees the cables at the switch meanwhile."""
        return _entered(self.switch)

    def take_from_switch(self, host):
        self.ip("link", "set", host.port, "nomaster")

    def return_to_switch(self, host):
        self.ip("link", "set", host.port, "master", "switch")

    def add_cable(self, one_end, other_end):
        """A cable with one end in the switch."""
        self.ip("link", "add", one_end, "type", "veth", "peer", "name", other_end)
        self.ip("link", "set", one_end, "master", "switch", "up")
        self.ip("link", "set", other_end, "up")

    def remove_cable(self, one_end):
        self.ip("link", "delete", one_end)

    def close(self):
        with contextlib.ExitStack() as namespaces:
            namespaces.callback(_run, "ip", "netns", "delete", self.switch)
            for host in self.hosts.values():
                namespaces.callback(_run, "ip", "netns", "delete", host.namespace)
