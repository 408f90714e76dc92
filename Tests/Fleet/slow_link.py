"""A host behind a slow link: every packet is carried by hand from one cable to the next, some time after it has come.

The kernel's own means for this (netem) are not in every kernel.
"""

import collections
import ctypes
import fcntl
import select
import socket
import struct
import threading
import time

#: An Ethernet packet with all that may stand in front of it.
PACKET_BYTES_MAX = 1 << 16
#: So that a storm cannot fill the memory: what comes beyond is lost, as in any switch.
PACKETS_MAX = 10_000

ETH_P_ALL = 3
SIOCETHTOOL = 0x8946
#: ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO of <linux/ethtool.h>.
OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)


def complete_packets(interface):
    """Packets leave an interface as they would on a cable: with their checksums, and none larger than fits."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)


class SlowLink:
    """Takes the place of a host's cable to the switch, until it is closed: each packet takes so many seconds."""

    def __init__(self, network, host, seconds):
        self._network = network
        self._host = host
        self._seconds = seconds
        self._has_ended = threading.Event()
        network.take_from_switch(host)
        with host.entered():
            complete_packets("eth0")
        network.add_cable("slow0", "slow1")
        with network.switch_entered():
            for interface in (host.port, "slow0", "slow1"):
                complete_packets(interface)
            self._ends = [self._open(host.port), self._open("slow1")]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @staticmethod
    def _open(interface):
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.bind((interface, ETH_P_ALL))
        end.setblocking(False)
        return end

    def _run(self):
        under_way = collections.deque()
        others = {self._ends[0]: self._ends[1], self._ends[1]: self._ends[0]}
        while not self._has_ended.is_set():
            now = time.monotonic()
            while under_way and under_way[0][0] <= now:
                _, end, packet = under_way.popleft()
                try:
                    end.send(packet)
                except OSError:
                    # Lost, as it may happen to any packet.
                    pass
            wait = max(0, under_way[0][0] - now) if under_way else 0.05
            for end in select.select(self._ends, [], [], min(wait, 0.05))[0]:
                packet, address = end.recvfrom(PACKET_BYTES_MAX)
                # What was sent here is seen again; it is not to go back.
                if address[2] != socket.PACKET_OUTGOING and len(under_way) < PACKETS_MAX:
                    under_way.append((time.monotonic() + self._seconds, others[end], packet))

    def close(self):
        self._has_ended.set()
        self._thread.join()
        for end in self._ends:
            end.close()
        self._network.remove_cable("slow0")
        self._network.return_to_switch(self._host)
