#define _GNU_SOURCE
#include "Messages.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union ancillary {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(sizeof(int) * SB_DESCRIPTORS_MAX)];
};

int sb_send(
    int socket, const struct sb_head *head, const void *rest, size_t rest_bytes, const int *descriptors,
    unsigned descriptor_count, int flags) {
    if (rest_bytes > SB_MESSAGE_BYTES_MAX - sizeof *head || descriptor_count > SB_DESCRIPTORS_MAX) {
        errno = E2BIG;
        return -1;
    }
    struct iovec parts[2] = {
        {.iov_base = (void *)head, .iov_len = sizeof *head},
        {.iov_base = (void *)rest, .iov_len = rest_bytes},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = rest_bytes > 0 ? 2 : 1};
    union ancillary ancillary;
    if (descriptor_count > 0) {
        memset(&ancillary, 0, sizeof ancillary);
        message.msg_control = ancillary.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
        memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * descriptor_count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

ssize_t sb_receive(
    int socket, void *buffer, size_t capacity, int *descriptors, unsigned *descriptor_count, int flags) {
    union ancillary ancillary;
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary};
    ssize_t received;
    do {
        received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    *descriptor_count = 0;
    if (received < 0) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        unsigned count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors, CMSG_DATA(header), sizeof(int) * count);
        *descriptor_count = count;
    }
    int cut = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    if (received > 0 && (cut || (size_t)received < sizeof(struct sb_head))) {
        for (unsigned i = 0; i < *descriptor_count; i++) close(descriptors[i]);
        *descriptor_count = 0;
        errno = EBADMSG;
        return -1;
    }
    return received;
}

int sb_report(int socket, enum sb_kind kind, uint64_t token, int number, const char *text, int descriptor) {
    struct sb_head head = {.kind = kind, .number = number, .token = token, .string_count = text ? 1 : 0};
    return sb_send(socket, &head, text, text ? strlen(text) + 1 : 0, &descriptor, descriptor >= 0 ? 1 : 0, 0);
}
