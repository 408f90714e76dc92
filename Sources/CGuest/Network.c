#define _GNU_SOURCE
#include "CGuest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/// The one network interface of a machine, as the kernel names it.
#define INTERFACE "eth0"

/// Closes a socket and keeps errno.
static int finish(int any, int result) {
    int error = errno;
    close(any);
    errno = error;
    return result;
}

static int bring_up(int any, const char *name) {
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(any, SIOCSIFFLAGS, &request);
}

int cguest_loopback_up(void) {
    int any = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return any < 0 ? -1 : finish(any, bring_up(any, "lo"));
}

static struct sockaddr_in internet_address(uint32_t address) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
}

static int set_address(int any, unsigned long request_number, uint32_t address) {
    struct ifreq request = {.ifr_name = INTERFACE};
    struct sockaddr_in wanted = internet_address(address);
    memcpy(&request.ifr_addr, &wanted, sizeof wanted);
    return ioctl(any, request_number, &request);
}

/// Routes to one address on the link (gateway 0), or to all that have no other route.
static int add_route(int any, uint32_t destination, uint32_t gateway) {
    struct rtentry route = {.rt_flags = gateway == 0 ? RTF_UP | RTF_HOST : RTF_UP | RTF_GATEWAY, .rt_dev = INTERFACE};
    struct sockaddr_in to = internet_address(destination), by = internet_address(gateway), mask = internet_address(0);
    memcpy(&route.rt_dst, &to, sizeof to);
    memcpy(&route.rt_gateway, &by, sizeof by);
    memcpy(&route.rt_genmask, &mask, sizeof mask);
    return ioctl(any, SIOCADDRT, &route);
}

int cguest_connect(uint32_t own, uint32_t gateway) {
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) return -1;
    // The mask before the interface is up: with that of its class, a route to all of the class would be made.
    int result = set_address(any, SIOCSIFADDR, own);
    if (result == 0) result = set_address(any, SIOCSIFNETMASK, INADDR_BROADCAST);
    if (result == 0) result = bring_up(any, INTERFACE);
    if (result == 0) result = add_route(any, gateway, 0);
    if (result == 0) result = add_route(any, 0, gateway);
    return finish(any, result);
}
