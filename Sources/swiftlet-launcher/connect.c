#define _GNU_SOURCE
#include "launcher.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "Network.h"

// A sandbox that may go out has one end of an interface pair, and the gateway the other. There is a route for each of
// them and no more: the gateway routes to one address by one interface, so a sandbox can neither take another's address
// nor reach it without passing the gateway's filter.

// The number of the interface in the sandbox.
enum { INTERFACE = SB_NETWORK_INTERFACES };

int connect_to_gateway(const struct launcher *launcher, int control, uint32_t number) {
    char name[16];
    snprintf(name, sizeof name, "sandbox%u", number);
    // Numbered alike at both ends, each in its own network, so that neither has to be looked up.
    int peer = SB_NETWORK_INTERFACES + (int)number;
    uint32_t address = htonl(SB_NETWORK_SANDBOXES + number);
    if (TRY("make interfaces",
            sb_network_pair(
                control, (struct sb_interface){"eth0", INTERFACE}, (struct sb_interface){name, peer}, launcher->gateway))
            < 0
        || TRY("bring up gateway's interface", sb_network_up(launcher->gateway_control, peer)) < 0
        || TRY("route to sandbox", sb_network_route(launcher->gateway_control, peer, address, 32, 0)) < 0
        || TRY("give sandbox an address", sb_network_address(control, INTERFACE, address)) < 0) {
        return -1;
    }
    return TRY("route to gateway", sb_network_route(control, INTERFACE, 0, 0, htonl(SB_NETWORK_GATEWAY)));
}
