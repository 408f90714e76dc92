#define _GNU_SOURCE
#include "Network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/// A request as it is built, and then the answer to it.
struct message {
    struct nlmsghdr head;
    char body[1024];
};

static struct message begin(uint16_t type, uint16_t flags, const void *fixed, size_t bytes) {
    struct message message = {
        .head = {.nlmsg_len = NLMSG_LENGTH(bytes), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags}};
    memcpy(NLMSG_DATA(&message.head), fixed, bytes);
    return message;
}

/// Appends an attribute. All of ours fit: names and numbers, each a few bytes.
static struct rtattr *add(struct message *message, uint16_t type, const void *value, size_t bytes) {
    struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->head.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(bytes);
    if (bytes > 0) memcpy(RTA_DATA(attribute), value, bytes);
    message->head.nlmsg_len = NLMSG_ALIGN(message->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

/// Ends an attribute that holds all that was appended since it was begun.
static void end(struct message *message, struct rtattr *attribute) {
    attribute->rta_len = (uint16_t)((char *)message + message->head.nlmsg_len - (char *)attribute);
}

/// Sends the request and waits for its answer, which the kernel gives before the call to send returns.
static int perform(int control, struct message *message) {
    ssize_t bytes = send(control, message, message->head.nlmsg_len, 0);
    if (bytes < 0) return -1;
    do {
        bytes = recv(control, message, sizeof *message, 0);
    } while (bytes < 0 && errno == EINTR);
    if (bytes < 0) return -1;
    const struct nlmsgerr *answer = NLMSG_DATA(&message->head);
    if ((size_t)bytes < NLMSG_LENGTH(sizeof *answer) || message->head.nlmsg_type != NLMSG_ERROR) {
        errno = EBADMSG;
        return -1;
    }
    if (answer->error == 0) return 0;
    errno = -answer->error;
    return -1;
}

int sb_network_control(void) {
    int control = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (control < 0) return -1;
    // The answer is then the error alone, without the request repeated, so it fits always.
    int on = 1;
    if (setsockopt(control, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) == 0) return control;
    int error = errno;
    close(control);
    errno = error;
    return -1;
}

/// Enters a network namespace, or a new one for -1, and returns a descriptor of the own one for `leave`.
static int enter(int network) {
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0) return -1;
    if ((network < 0 ? unshare(CLONE_NEWNET) : setns(network, CLONE_NEWNET)) == 0) return own;
    int error = errno;
    close(own);
    errno = error;
    return -1;
}

/// Returns to the own network namespace, and keeps errno.
static void leave(int own) {
    int error = errno;
    // A thread that stayed behind would be cut off without anybody knowing; there is no going on from that.
    if (setns(own, CLONE_NEWNET) < 0) abort();
    close(own);
    errno = error;
}

int sb_network_make(int *network, int *control) {
    int own = enter(-1);
    if (own < 0) return -1;
    *network = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    *control = *network < 0 ? -1 : sb_network_control();
    leave(own);
    if (*control >= 0) return 0;
    int error = errno;
    if (*network >= 0) close(*network);
    errno = error;
    return -1;
}

int sb_network_control_of(int network) {
    int own = enter(network);
    if (own < 0) return -1;
    int control = sb_network_control();
    leave(own);
    return control;
}

int sb_network_tap(int network, struct sb_interface tap) {
    // A device is made in the network in which the file was opened, wherever the request comes from.
    int own = enter(network);
    if (own < 0) return -1;
    int device = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    leave(own);
    if (device < 0) return -1;
    // Frames alone: without the header by which the kernel would be asked to cut and to sum up what a guest has written.
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    strncpy(request.ifr_name, tap.name, sizeof request.ifr_name - 1);
    if (ioctl(device, TUNSETIFINDEX, &tap.index) == 0 && ioctl(device, TUNSETIFF, &request) == 0) return device;
    int error = errno;
    close(device);
    errno = error;
    return -1;
}

int sb_network_set(int network, const char *name, const char *value) {
    char path[128];
    if (snprintf(path, sizeof path, "/proc/sys/net/%s", name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int own = enter(network);
    if (own < 0) return -1;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = file < 0 ? -1 : write(file, value, strlen(value));
    leave(own);
    int error = errno;
    if (file >= 0) close(file);
    errno = error;
    return written < 0 ? -1 : 0;
}

int sb_network_pair(int control, struct sb_interface own, struct sb_interface peer, int peer_network) {
    struct ifinfomsg own_link = {.ifi_index = own.index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    // The kernel cannot bring it up yet: an end without its other end is not to be opened.
    struct ifinfomsg peer_link = {.ifi_index = peer.index};
    struct message message = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &own_link, sizeof own_link);
    add(&message, IFLA_IFNAME, own.name, strlen(own.name) + 1);
    struct rtattr *information = add(&message, IFLA_LINKINFO, NULL, 0);
    add(&message, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = add(&message, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = add(&message, VETH_INFO_PEER, &peer_link, sizeof peer_link);
    add(&message, IFLA_IFNAME, peer.name, strlen(peer.name) + 1);
    add(&message, IFLA_NET_NS_FD, &peer_network, sizeof peer_network);
    end(&message, other);
    end(&message, data);
    end(&message, information);
    return perform(control, &message);
}

int sb_network_delete(int control, const char *name) {
    struct ifinfomsg link = {0};
    struct message message = begin(RTM_DELLINK, 0, &link, sizeof link);
    add(&message, IFLA_IFNAME, name, strlen(name) + 1);
    return perform(control, &message);
}

int sb_network_up(int control, int interface) {
    struct ifinfomsg link = {.ifi_index = interface, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct message message = begin(RTM_NEWLINK, 0, &link, sizeof link);
    return perform(control, &message);
}

int sb_network_index(const char *name) {
    unsigned index = if_nametoindex(name);
    return index == 0 ? -1 : (int)index;
}

int sb_network_address(int control, int interface, uint32_t address) {
    struct ifaddrmsg own = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = (uint32_t)interface};
    struct message message = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &own, sizeof own);
    add(&message, IFA_LOCAL, &address, sizeof address);
    add(&message, IFA_ADDRESS, &address, sizeof address);
    return perform(control, &message);
}

int sb_network_no_address(int control, int interface, uint32_t address) {
    struct ifaddrmsg own = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = (uint32_t)interface};
    struct message message = begin(RTM_DELADDR, 0, &own, sizeof own);
    add(&message, IFA_LOCAL, &address, sizeof address);
    return perform(control, &message);
}

int sb_network_route(int control, int interface, uint32_t destination, uint8_t prefix, uint32_t gateway) {
    struct rtmsg route = {
        .rtm_family = AF_INET,
        .rtm_dst_len = prefix,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = gateway == 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
        .rtm_flags = gateway == 0 ? 0 : RTNH_F_ONLINK,
    };
    struct message message = begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    if (prefix > 0) add(&message, RTA_DST, &destination, sizeof destination);
    if (gateway != 0) add(&message, RTA_GATEWAY, &gateway, sizeof gateway);
    add(&message, RTA_OIF, &interface, sizeof interface);
    return perform(control, &message);
}
