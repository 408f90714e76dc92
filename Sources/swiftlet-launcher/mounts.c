#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "HostCalls.h"

int mount_scratch(const struct file_request *files) {
    if (files->has_scratch) return TRY("attach /tmp", sb_attach(files->scratch, "/tmp"));
    char options[64];
    snprintf(options, sizeof options, "size=%llu,mode=1777", (unsigned long long)files->scratch_bytes);
    return TRY("mount /tmp", mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options));
}

/// The tree to attach for a mount: the one that came with the request, or a new one where the host's files are in reach.
static int tree_of(bool unprivileged, const struct file_request *files, uint32_t index) {
    if (!unprivileged) return files->mounts[index];
    char path[4096];
    if (snprintf(path, sizeof path, HOST_DIRECTORY "%s", files->mount_strings[(size_t)index * 2]) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return TRY("copy read-only mount", sb_read_only_tree(AT_FDCWD, path, -1));
}

static const char *place_of(bool unprivileged, const struct file_request *files, uint32_t index) {
    return files->mount_strings[unprivileged ? (size_t)index * 2 + 1 : index];
}

int mount_read_only(bool unprivileged, const struct file_request *files) {
    for (uint32_t i = 0; i < files->mount_count; i++) {
        int tree = tree_of(unprivileged, files, i);
        if (tree < 0) return -1;
        if (TRY("attach read-only mount", sb_attach(tree, place_of(unprivileged, files, i))) < 0) return -1;
        if (unprivileged) close(tree);
    }
    return 0;
}

// What the child of an adoption leaves behind: it shares our memory, and we stand still until it has ended.
static volatile int adoption_error;

/// In the child. The places are looked up in the sandbox's mounts, which are all ours: what a function could change of
/// them is below /tmp, and that is not there before this.
_Noreturn static void attach_in(bool unprivileged, int mount_namespace, const struct file_request *files) {
    int trees[SB_DESCRIPTORS_MAX];
    adoption_error = 0;
    for (uint32_t i = 0; i < files->mount_count; i++) {
        // Before we go: there, the host's files are out of reach.
        trees[i] = tree_of(unprivileged, files, i);
        if (trees[i] < 0) goto failed;
    }
    if (TRY("enter mount namespace", setns(mount_namespace, CLONE_NEWNS)) < 0) goto failed;
    for (uint32_t i = 0; i < files->mount_count; i++) {
        if (TRY("attach read-only mount", sb_attach(trees[i], place_of(unprivileged, files, i))) < 0) goto failed;
    }
    if (mount_scratch(files) == 0) _exit(0);
failed:
    adoption_error = errno;
    _exit(1);
}

int adopt(bool unprivileged, int mount_namespace, const struct file_request *files) {
    // Its own descriptors, root and directory, but our memory: a sandbox is entered by a process of its own, and that
    // costs a few microseconds instead of a copy of our page tables.
    pid_t child = TRY("vfork", vfork());
    if (child == 0) attach_in(unprivileged, mount_namespace, files);
    if (child < 0) return -1;
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    // Killed by the kernel, for want of memory, if it says nothing.
    errno = adoption_error != 0 ? adoption_error : ENOMEM;
    return -1;
}
