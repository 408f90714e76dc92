#pragma once

// Networks of sandboxes: the few requests to the kernel's rtnetlink(7) that make an interface pair, give it an address
// and routes. Each call returns -1 and sets errno on failure. A `control` is a NETLINK_ROUTE socket; it acts on the
// network namespace in which it was made, whoever uses it.

#include <stdint.h>

/// Makes a network namespace that nothing is in, and a control for it. It lives as long as a descriptor of it is open.
/// The calling thread's own network stays what it is.
int sb_network_make(int *network, int *control);

/// Writes a setting of a network namespace, such as "ipv4/ip_forward".
int sb_network_set(int network, const char *name, const char *value);

/// A control for the calling thread's own network.
int sb_network_control(void);

/// A control for that network namespace. The calling thread's own network stays what it is.
int sb_network_control_of(int network);

/// An interface that is to be made, as one end of a pair or by itself.
struct sb_interface {
    const char *name;
    /// Its number in its network, which must be free; 0 for any.
    int index;
};

/// Makes a pair of connected interfaces: one in the network of `control`, up, the other in `peer_network`, not up yet.
int sb_network_pair(int control, struct sb_interface own, struct sb_interface peer, int peer_network);

/// Makes a tap device in that network, not up: an interface whose other end is the descriptor that is returned, from which
/// frames are read and to which they are written. It goes away with the last copy of the descriptor, unless who holds one has
/// asked for it to stay. The calling thread's own network stays what it is.
int sb_network_tap(int network, struct sb_interface tap);

/// Deletes an interface and with it the other end of its pair. Fails with ENODEV if there is none of this name.
int sb_network_delete(int control, const char *name);

/// Brings an interface up. The loopback interface of every network has the number 1.
int sb_network_up(int control, int interface);

/// The number of an interface of the calling thread's own network.
int sb_network_index(const char *name);

/// Gives an interface an address of its own, without a route to any neighbours. Addresses are in network byte order.
int sb_network_address(int control, int interface, uint32_t address);

/// Takes such an address away, and with the last one of an interface all routes over it.
int sb_network_no_address(int control, int interface, uint32_t address);

/// Adds a route; fails with EEXIST if there is one to the same destination. `prefix` 0 is the default route; a `gateway`
/// of 0 means that the destination is on the interface itself, and another is taken to be on it, whatever its address.
int sb_network_route(int control, int interface, uint32_t destination, uint8_t prefix, uint32_t gateway);
