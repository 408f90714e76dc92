#define _GNU_SOURCE
#include "HostCalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int sb_socket_pair(int pair[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

int sb_read_only_tree(int directory, const char *source, int owner_namespace) {
    int tree = (int)syscall(SYS_open_tree, directory, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) return -1;
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
    };
    if (owner_namespace >= 0) {
        attributes.attr_set |= MOUNT_ATTR_IDMAP;
        attributes.userns_fd = (uint64_t)owner_namespace;
    }
    long result = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
    if (result < 0 && errno == EINVAL && owner_namespace >= 0) {
        // The file system cannot map owners. Then they show as "nobody" inside, which harms nothing.
        attributes.attr_set &= ~(uint64_t)MOUNT_ATTR_IDMAP;
        attributes.userns_fd = 0;
        result = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
    }
    if (result < 0) {
        int error = errno;
        close(tree);
        errno = error;
        return -1;
    }
    return tree;
}

int sb_attach(int mount, const char *target) {
    return (int)syscall(SYS_move_mount, mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

int sb_loop_attach(int image, char *device, size_t device_bytes) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return -1;
    int loop = -1;
    int error = EBUSY;
    // Another program may take the free device first; then the next one is tried.
    for (int attempt = 0; attempt < 64; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) {
            error = errno;
            break;
        }
        snprintf(device, device_bytes, "/dev/loop%d", number);
        loop = open(device, O_RDWR | O_CLOEXEC);
        if (loop < 0) {
            error = errno;
            break;
        }
        // Without a second copy of everything in the host's page cache, and the work of writing that back: it is in nobody's
        // share of CPU time, and what else runs on the host waits for it. Where the image's file system cannot do without,
        // the kernel leaves it at that.
        struct loop_config configuration = {
            .fd = (uint32_t)image, .block_size = 4096, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO}};
        if (ioctl(loop, LOOP_CONFIGURE, &configuration) == 0) break;
        error = errno;
        close(loop);
        loop = -1;
        if (error != EBUSY) break;
    }
    close(control);
    if (loop < 0) errno = error;
    return loop;
}

int sb_mount_scratch(const char *device) {
    int context = (int)syscall(SYS_fsopen, "ext4", FSOPEN_CLOEXEC);
    if (context < 0) return -1;
    int mount = -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", device, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "nobarrier", NULL, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "noinit_itable", NULL, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
        mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    }
    int error = errno;
    close(context);
    errno = error;
    return mount;
}

int sb_nameless_file(const char *directory) {
    int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/scratch-XXXXXX", directory) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0) unlink(path);
    return file;
}

off_t sb_next_data(int file, off_t offset) {
    return lseek(file, offset, SEEK_DATA);
}

off_t sb_next_hole(int file, off_t offset) {
    return lseek(file, offset, SEEK_HOLE);
}

int sb_copy_sparse(int from, int to) {
    off_t end = 0;
    for (;;) {
        off_t start = lseek(from, end, SEEK_DATA);
        if (start < 0) return errno == ENXIO ? 0 : -1;
        end = lseek(from, start, SEEK_HOLE);
        if (end < 0) return -1;
        off_t to_offset = start;
        while (start < end) {
            ssize_t copied = copy_file_range(from, &start, to, &to_offset, (size_t)(end - start), 0);
            // From another file system it goes through memory.
            if (copied < 0 && errno == EXDEV && lseek(to, start, SEEK_SET) == start) {
                copied = sendfile(to, from, &start, (size_t)(end - start));
                to_offset = start;
            }
            if (copied == 0) errno = EIO;
            if (copied <= 0) return -1;
        }
    }
}

enum { PROGRAM_DESCRIPTORS_MAX = 32 };

/// Starts a program whose descriptors are out of the way of the numbers that they get.
static int spawn(
    pid_t *process, const char *path, char *const arguments[], const int *descriptors, unsigned count, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *environment[] = {NULL};
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        for (int standard = 1; standard <= 2 && error == 0; standard++) {
            error = output < 0 ? posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_WRONLY, 0)
                               : posix_spawn_file_actions_adddup2(&actions, output, standard);
        }
        for (unsigned i = 0; i < count && error == 0; i++) {
            error = posix_spawn_file_actions_adddup2(&actions, descriptors[i], 3 + (int)i);
        }
        if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&actions, 3 + (int)count);
        if (error == 0) error = posix_spawn(process, path, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

pid_t sb_start_with(const char *path, char *const arguments[], const int *descriptors, unsigned count, int output) {
    int raised[PROGRAM_DESCRIPTORS_MAX + 1];
    unsigned raised_count = 0;
    pid_t process = -1;
    int error = count > PROGRAM_DESCRIPTORS_MAX ? EMFILE : 0;
    for (unsigned i = 0; i < count + (output >= 0) && error == 0; i++) {
        int original = i < count ? descriptors[i] : output;
        int moved = fcntl(original, F_DUPFD_CLOEXEC, 3 + PROGRAM_DESCRIPTORS_MAX);
        if (moved < 0) error = errno;
        else raised[raised_count++] = moved;
    }
    if (error == 0) error = spawn(&process, path, arguments, raised, count, output < 0 ? -1 : raised[count]);
    for (unsigned i = 0; i < raised_count; i++) close(raised[i]);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return process;
}

pid_t sb_start_program(const char *path, char *const arguments[], int descriptor) {
    return sb_start_with(path, arguments, &descriptor, 1, -1);
}

int sb_wait_for_end(pid_t process) {
    siginfo_t information;
    int result;
    do {
        result = waitid(P_PID, (id_t)process, &information, WEXITED | WNOWAIT);
    } while (result < 0 && errno == EINTR);
    return result;
}

int sb_memory_file(const char *name, off_t bytes) {
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    if (ftruncate(file, bytes) == 0) return file;
    int error = errno;
    close(file);
    errno = error;
    return -1;
}

int sb_seal(int file) {
    return fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

ssize_t sb_send_with_descriptor(int socket, const void *bytes, size_t count, int descriptor) {
    union {
        struct cmsghdr aligned;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {{0}};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

int sb_wait(pid_t process) {
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(process, &status, 0);
    } while (ended < 0 && errno == EINTR);
    return ended < 0 ? -1 : status;
}

void sb_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}
