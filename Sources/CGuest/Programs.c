#define _GNU_SOURCE
#include "CGuest.h"

#include "CFilter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Why the last program was not executed. Shared with the child, which runs in our memory until it executes its program.
static volatile int failure;
static const char *volatile failed_step;

_Noreturn static void fail(const char *step) {
    failure = errno;
    failed_step = step;
    _exit(126);
}

static void limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard) {
    struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    if (setrlimit(resource, &wanted) < 0) fail("setrlimit");
}

/// The limits of a namespace sandbox.
static void set_limits(void) {
    limit(RLIMIT_NOFILE, 1024, 1024);
    limit(RLIMIT_NPROC, 742, 742);
    limit(RLIMIT_MEMLOCK, 65536, 65536);
    limit(RLIMIT_STACK, 8 << 20, RLIM_INFINITY);
    limit(RLIMIT_CORE, 0, 0);
}

/// Moves a descriptor out of the way of those that the program gets.
static int raised(int descriptor) {
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, CGUEST_CHANNEL + 1);
    if (moved < 0) fail("dup");
    return moved;
}

_Noreturn static void become(const struct cguest_program *program) {
    if (setsid() < 0) fail("setsid");
    if (write(program->group, "0", 1) < 0) fail("join cgroup");
    int input = raised(program->input);
    int output = raised(program->output);
    int channel = program->channel < 0 ? -1 : raised(program->channel);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) fail("set standard streams");
    if (channel >= 0 && dup2(channel, CGUEST_CHANNEL) < 0) fail("set channel");
    if (syscall(SYS_close_range, channel >= 0 ? CGUEST_CHANNEL + 1 : CGUEST_CHANNEL, ~0U, 0) < 0) fail("close_range");
    umask(022);
    if (chroot(program->root) < 0) fail("chroot");
    set_limits();
    // Not even a program that the kernel gives capabilities of its own could have any.
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) fail("drop capabilities");
    }
    if (setgroups(0, NULL) < 0) fail("drop groups");
    // All capabilities go with the user.
    if (setresgid(CGUEST_GROUP, CGUEST_GROUP, CGUEST_GROUP) < 0) fail("set group");
    if (setresuid(CGUEST_USER, CGUEST_USER, CGUEST_USER) < 0) fail("set user");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("set no-new-privileges");
    if (chdir(program->directory) < 0) fail("chdir");
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    // Last: from here on, signals of the function's other processes take effect.
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) fail("unblock signals");
    if (cfilter_install() < 0) fail("install system call filter");
    execve(program->path, program->arguments, program->environment);
    fail("execve");
}

pid_t cguest_start(const struct cguest_program *program, const char **step) {
    failure = 0;
    failed_step = "vfork";
    pid_t pid = vfork();
    if (pid == 0) become(program);
    if (pid > 0 && failure == 0) return pid;
    *step = failed_step;
    // A child that failed is reaped like all others; nobody knows its number.
    if (pid > 0) errno = failure;
    return -1;
}
