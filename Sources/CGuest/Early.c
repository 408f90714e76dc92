#define _GNU_SOURCE
#include "CGuest.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_init;

/// Runs before all else in the program, that of Swift's runtime included, which ends the program if there is no /proc.
static void prepare_machine(void) {
    if (getpid() != 1) return;
    is_init = true;
    static const struct {
        const char *type, *place;
        unsigned long flags;
    } mounts[] = {
        {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC},
        {"cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC},
    };
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        mkdir(mounts[i].place, 0755);
        // Nobody could be told of a failure yet. The agent finds out when it looks for its link.
        mount(mounts[i].type, mounts[i].place, mounts[i].type, mounts[i].flags, NULL);
    }
}

__attribute__((section(".preinit_array"), used)) static void (*const entry)(void) = prepare_machine;

int cguest_is_init(void) {
    return is_init;
}
