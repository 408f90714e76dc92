#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "HostCalls.h"

// The device nodes of a sandbox: those that any user may use and that show nothing of the host.
static const struct {
    const char *name;
    unsigned major, minor;
} devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

int write_file(int directory, const char *path, const char *text) {
    int file = openat(directory, path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    size_t bytes = strlen(text);
    ssize_t written = write(file, text, bytes);
    int error = written < 0 ? errno : EIO;
    close(file);
    if (written == (ssize_t)bytes) return 0;
    errno = error;
    return -1;
}

/// Becomes root of a user namespace in which only the service's own user exists.
static int enter_user_namespace(void) {
    char map[64];
    unsigned user = getuid();
    unsigned group = getgid();
    if (TRY("enter user namespace", unshare(CLONE_NEWUSER)) < 0) return -1;
    if (TRY("deny setgroups", write_file(AT_FDCWD, "/proc/self/setgroups", "deny")) < 0) return -1;
    snprintf(map, sizeof map, "0 %u 1", user);
    if (TRY("map own user", write_file(AT_FDCWD, "/proc/self/uid_map", map)) < 0) return -1;
    snprintf(map, sizeof map, "0 %u 1", group);
    return TRY("map own group", write_file(AT_FDCWD, "/proc/self/gid_map", map));
}

/// A user namespace that shows files of the host's root as files of the sandbox's root, or -1 where that fails.
/// A namespace needs a process to be made in, so a child makes it and waits until it is held from here.
static int make_owner_namespace(const struct launcher *launcher) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        char outcome = unshare(CLONE_NEWUSER) == 0;
        if (write(ready[1], &outcome, 1) == 1) pause();
        _exit(0);
    }
    int result = -1;
    char outcome = 0;
    char path[64];
    char map[64];
    close(ready[1]);
    if (child > 0 && read(ready[0], &outcome, 1) == 1 && outcome) {
        snprintf(map, sizeof map, "0 %u 1", launcher->root_id);
        snprintf(path, sizeof path, "%d/uid_map", child);
        bool mapped = write_file(launcher->host_proc, path, map) == 0;
        snprintf(path, sizeof path, "%d/gid_map", child);
        mapped = mapped && write_file(launcher->host_proc, path, map) == 0;
        snprintf(path, sizeof path, "%d/ns/user", child);
        if (mapped) result = openat(launcher->host_proc, path, O_RDONLY | O_CLOEXEC);
    }
    close(ready[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return result;
}

static int mount_tree(const struct launcher *launcher, const char *source, const char *target) {
    int tree = TRY(source, sb_read_only_tree(AT_FDCWD, source, launcher->owner_namespace));
    if (tree < 0) return -1;
    int result = TRY(target, sb_attach(tree, target));
    int error = errno;
    close(tree);
    errno = error;
    return result;
}

/// A device node in a sandbox's /dev, for everybody there to use.
static int make_device(const struct launcher *launcher, const char *dev, const char *name, dev_t device) {
    char path[PATH_MAX];
    char source[64];
    snprintf(path, sizeof path, "%s/%s", dev, name);
    if (launcher->unprivileged) {
        // Making nodes takes rights over the host, so the host's own are shown.
        snprintf(source, sizeof source, "/dev/%s", name);
        int place = TRY(path, open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0644));
        if (place < 0) return -1;
        close(place);
        return TRY(source, mount(source, path, NULL, MS_BIND, NULL));
    }
    if (TRY(path, mknod(path, S_IFCHR | 0666, device)) < 0) return -1;
    if (TRY(path, chmod(path, 0666)) < 0) return -1;
    return TRY(path, chown(path, launcher->root_id, launcher->root_id));
}

static const char devices_directory[] = "/dev/";

/// Whether this is the path of a further device. `name` is what it has in /dev.
static bool is_device(const char *path, const char **name) {
    *name = path + sizeof devices_directory - 1;
    return strncmp(path, devices_directory, sizeof devices_directory - 1) == 0;
}

/// One /dev for all sandboxes: read-only, with a few harmless nodes and those that the service has asked for.
static int make_devices(const struct launcher *launcher, const char *dev, const char *const *strings, unsigned count) {
    char options[96];
    char path[PATH_MAX];
    uint32_t owner = launcher->unprivileged ? 0 : launcher->root_id;
    snprintf(options, sizeof options, "size=64k,mode=755,uid=%u,gid=%u", owner, owner);
    unsigned long flags = MS_NOSUID | MS_NOEXEC;
    if (TRY("mount /dev", mount("dev", dev, "tmpfs", flags, options)) < 0) return -1;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        if (make_device(launcher, dev, devices[i].name, makedev(devices[i].major, devices[i].minor)) < 0) return -1;
    }
    for (unsigned i = 1; i < count; i += 2) {
        const char *name;
        struct stat status;
        if (!is_device(strings[i], &name)) continue;
        if (TRY(strings[i], stat(strings[i], &status)) < 0) return -1;
        if (make_device(launcher, dev, name, status.st_rdev) < 0) return -1;
    }
    static const char *const links[][2] = {
        {"/proc/self/fd", "fd"},
        {"/proc/self/fd/0", "stdin"},
        {"/proc/self/fd/1", "stdout"},
        {"/proc/self/fd/2", "stderr"},
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(path, sizeof path, "%s/%s", dev, links[i][1]);
        if (TRY(path, symlink(links[i][0], path)) < 0 || TRY(path, lchown(path, owner, owner)) < 0) return -1;
    }
    return TRY("make /dev read-only", mount(NULL, dev, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL));
}

int assemble_userland(struct launcher *launcher, const char *const *strings, unsigned count) {
    char path[PATH_MAX];
    if (count < 1 || count % 2 != 1) {
        errno = EBADMSG;
        return -1;
    }
    const char *skeleton = strings[0];
    if (launcher->unprivileged && enter_user_namespace() < 0) return -1;
    if (TRY("enter mount namespace", unshare(CLONE_NEWNS)) < 0) return -1;
    // Nothing of what follows may reach the host's mount namespace.
    if (TRY("make mounts private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) < 0) return -1;
    launcher->host_proc = TRY("open /proc", open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (launcher->host_proc < 0) return -1;
    launcher->owner_namespace = launcher->unprivileged ? -1 : make_owner_namespace(launcher);

    if (mount_tree(launcher, skeleton, skeleton) < 0) return -1;
    for (unsigned i = 1; i < count; i += 2) {
        const char *name;
        if (is_device(strings[i], &name)) continue;
        if (snprintf(path, sizeof path, "%s%s", skeleton, strings[i + 1]) >= (int)sizeof path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        if (mount_tree(launcher, strings[i], path) < 0) return -1;
    }
    snprintf(path, sizeof path, "%s/dev", skeleton);
    umask(0);
    if (make_devices(launcher, path, strings, count) < 0) return -1;
    umask(022);

    if (TRY("enter userland", chdir(skeleton)) < 0) return -1;
    if (launcher->unprivileged) {
        // Mounts of the host can then only be found by path and from within, so the host stays in reach for now:
        // each init takes its view of it away.
        if (TRY("pivot_root", syscall(SYS_pivot_root, ".", "." HOST_DIRECTORY)) < 0) return -1;
    } else {
        // The old root comes to lie on top of the new one, from where it is taken off: from here on, no path
        // leads to the host's files, for us or any namespace copied from ours.
        if (TRY("pivot_root", syscall(SYS_pivot_root, ".", ".")) < 0) return -1;
        if (TRY("detach host", umount2(".", MNT_DETACH)) < 0) return -1;
    }
    return TRY("enter new root", chdir("/"));
}
