#include "CGuest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "Network.h"

// The network interface of a machine is given what that of a namespace sandbox is (connect.c of the launcher): an address of its
// own without neighbours, and the gateway as the way to everywhere.

/// As the kernel names the one that there is.
#define INTERFACE "eth0"

/// Closes a control and keeps errno.
static int finish(int control, int result) {
    int error = errno;
    close(control);
    errno = error;
    return result;
}

int cguest_interface_up(void) {
    int index = sb_network_index(INTERFACE);
    if (index < 0) return errno == ENODEV ? 0 : -1;
    int control = sb_network_control();
    return control < 0 ? -1 : finish(control, sb_network_up(control, index));
}

int cguest_connect(uint32_t own, uint32_t gateway) {
    // A copy of a machine that was connected has that one's address.
    static uint32_t earlier = 0;
    int index = sb_network_index(INTERFACE);
    int control = index < 0 ? -1 : sb_network_control();
    if (control < 0) return -1;
    if (earlier != 0) sb_network_no_address(control, index, htonl(earlier));
    int result = sb_network_address(control, index, htonl(own));
    if (result == 0) earlier = own;
    if (result == 0) result = sb_network_route(control, index, 0, 0, htonl(gateway));
    return finish(control, result);
}
