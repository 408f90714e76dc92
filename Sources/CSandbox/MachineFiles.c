#define _GNU_SOURCE
#include "MachineFiles.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int close_failed(int descriptor) {
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int sb_detached_directory(unsigned bytes, unsigned entries) {
    int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0) return -1;
    char size[16];
    char inodes[16];
    snprintf(size, sizeof size, "%u", bytes);
    // The directory itself is one.
    snprintf(inodes, sizeof inodes, "%u", entries + 1);
    int mount = -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", size, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "0777", 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
        unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
        mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
    }
    int error = errno;
    close(context);
    errno = error;
    return mount;
}

int sb_detached_tree(const char *path) {
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) return -1;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
        return close_failed(tree);
    }
    return tree;
}

int sb_connect_within(int directory, const char *name) {
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    int file = (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
    if (file < 0) return -1;
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection < 0) return close_failed(file);
    // Of the file that was found, whatever has its name by now.
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file);
    int result = connect(connection, (const struct sockaddr *)&address, sizeof address);
    int error = errno;
    close(file);
    errno = error;
    return result == 0 ? connection : close_failed(connection);
}

int sb_name_file(int file, int directory, const char *name) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

enum { PAGE_BYTES = 4096, CHUNK_PAGES = 256 };

int sb_free_zero_pages(int file) {
    struct stat status;
    if (fstat(file, &status) < 0) return -1;
    uint8_t *chunk = malloc(CHUNK_PAGES * PAGE_BYTES);
    if (!chunk) return -1;
    static const uint8_t zeroes[PAGE_BYTES];
    int result = 0;
    for (off_t offset = 0; offset < status.st_size && result == 0;) {
        ssize_t bytes = pread(file, chunk, CHUNK_PAGES * PAGE_BYTES, offset);
        if (bytes <= 0) {
            if (bytes == 0) errno = EIO;
            result = -1;
            break;
        }
        off_t pages = bytes / PAGE_BYTES;
        for (off_t page = 0; page < pages && result == 0;) {
            off_t first = page;
            while (page < pages && memcmp(chunk + page * PAGE_BYTES, zeroes, PAGE_BYTES) == 0) page++;
            if (page > first) {
                int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
                result = fallocate(file, mode, offset + first * PAGE_BYTES, (page - first) * PAGE_BYTES);
            } else {
                page++;
            }
        }
        offset += bytes;
    }
    int error = errno;
    free(chunk);
    errno = error;
    return result;
}
