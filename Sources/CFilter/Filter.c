#define _GNU_SOURCE
#include "CFilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// What a function's processes may call: what unprivileged programs and language runtimes use. Left out on purpose, and
// answered with EPERM: everything that needs a capability; namespaces and mounts; ptrace and the reading of other
// processes' memory; kernel interfaces with a large surface that functions have no need of (io_uring, bpf,
// perf_event_open, userfaultfd, the key store, kernel modules).
static const int allowed[] = {
    // Files.
    SCMP_SYS(access), SCMP_SYS(chdir), SCMP_SYS(chmod), SCMP_SYS(chown), SCMP_SYS(close), SCMP_SYS(close_range),
    SCMP_SYS(copy_file_range), SCMP_SYS(creat), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(fadvise64), SCMP_SYS(fallocate), SCMP_SYS(fchdir), SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat), SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(fcntl), SCMP_SYS(fdatasync),
    SCMP_SYS(fgetxattr), SCMP_SYS(flistxattr), SCMP_SYS(flock), SCMP_SYS(fremovexattr), SCMP_SYS(fsetxattr),
    SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(futimesat), SCMP_SYS(getcwd),
    SCMP_SYS(getdents), SCMP_SYS(getdents64), SCMP_SYS(getxattr), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_init),
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_rm_watch), SCMP_SYS(ioctl), SCMP_SYS(lchown), SCMP_SYS(lgetxattr),
    SCMP_SYS(link),
    SCMP_SYS(linkat), SCMP_SYS(listxattr), SCMP_SYS(llistxattr), SCMP_SYS(lremovexattr), SCMP_SYS(lseek),
    SCMP_SYS(lsetxattr), SCMP_SYS(lstat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(mknod), SCMP_SYS(mknodat),
    SCMP_SYS(newfstatat), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(pread64), SCMP_SYS(preadv),
    SCMP_SYS(preadv2), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(pwritev2), SCMP_SYS(read), SCMP_SYS(readahead),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(readv), SCMP_SYS(removexattr), SCMP_SYS(rename),
    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(rmdir), SCMP_SYS(sendfile), SCMP_SYS(setxattr),
    SCMP_SYS(splice), SCMP_SYS(stat), SCMP_SYS(statfs), SCMP_SYS(statx), SCMP_SYS(symlink), SCMP_SYS(symlinkat),
    SCMP_SYS(sync), SCMP_SYS(sync_file_range), SCMP_SYS(syncfs), SCMP_SYS(tee), SCMP_SYS(truncate), SCMP_SYS(umask),
    SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(utime), SCMP_SYS(utimensat), SCMP_SYS(utimes), SCMP_SYS(vmsplice),
    SCMP_SYS(write), SCMP_SYS(writev),
    // Waiting and events.
    SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_ctl_old),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_wait_old), SCMP_SYS(eventfd),
    SCMP_SYS(eventfd2), SCMP_SYS(io_cancel), SCMP_SYS(io_destroy), SCMP_SYS(io_getevents), SCMP_SYS(io_setup),
    SCMP_SYS(io_submit), SCMP_SYS(pause), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(pselect6), SCMP_SYS(select), SCMP_SYS(signalfd), SCMP_SYS(signalfd4),
    // Memory.
    SCMP_SYS(brk), SCMP_SYS(get_mempolicy), SCMP_SYS(madvise), SCMP_SYS(membarrier), SCMP_SYS(memfd_create),
    SCMP_SYS(mincore), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(mlockall), SCMP_SYS(mmap), SCMP_SYS(mprotect),
    SCMP_SYS(mremap), SCMP_SYS(msync), SCMP_SYS(munlock), SCMP_SYS(munlockall), SCMP_SYS(munmap),
    SCMP_SYS(pkey_alloc), SCMP_SYS(pkey_free), SCMP_SYS(pkey_mprotect), SCMP_SYS(remap_file_pages),
    // Processes, threads and their scheduling.
    SCMP_SYS(arch_prctl), SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(exit),
    SCMP_SYS(exit_group), SCMP_SYS(fork), SCMP_SYS(futex), SCMP_SYS(futex_waitv), SCMP_SYS(get_robust_list),
    SCMP_SYS(get_thread_area), SCMP_SYS(getcpu), SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getgroups), SCMP_SYS(getpgid), SCMP_SYS(getpgrp), SCMP_SYS(getpid), SCMP_SYS(getppid),
    SCMP_SYS(getpriority), SCMP_SYS(getresgid), SCMP_SYS(getresuid), SCMP_SYS(getrlimit), SCMP_SYS(getrusage),
    SCMP_SYS(getsid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(ioprio_get), SCMP_SYS(ioprio_set),
    SCMP_SYS(kill), SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_restrict_self),
    SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_send_signal), SCMP_SYS(prctl), SCMP_SYS(prlimit64),
    SCMP_SYS(process_madvise), SCMP_SYS(restart_syscall), SCMP_SYS(riscv_flush_icache), SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigsuspend), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(sched_get_priority_max), SCMP_SYS(sched_get_priority_min), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getattr), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_rr_get_interval), SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_setattr), SCMP_SYS(sched_setparam),
    SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_yield), SCMP_SYS(seccomp), SCMP_SYS(set_robust_list),
    SCMP_SYS(set_thread_area), SCMP_SYS(set_tid_address), SCMP_SYS(setfsgid), SCMP_SYS(setfsuid), SCMP_SYS(setgid),
    SCMP_SYS(setgroups), SCMP_SYS(setpgid), SCMP_SYS(setpriority), SCMP_SYS(setregid), SCMP_SYS(setresgid),
    SCMP_SYS(setresuid), SCMP_SYS(setreuid), SCMP_SYS(setrlimit), SCMP_SYS(setsid), SCMP_SYS(setuid),
    SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(tkill), SCMP_SYS(vfork), SCMP_SYS(wait4), SCMP_SYS(waitid),
    // Time.
    SCMP_SYS(alarm), SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getitimer), SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(setitimer), SCMP_SYS(time),
    SCMP_SYS(timer_create), SCMP_SYS(timer_delete), SCMP_SYS(timer_getoverrun), SCMP_SYS(timer_gettime),
    SCMP_SYS(timer_settime), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_settime),
    SCMP_SYS(times),
    // Sockets (which kinds: see below) and System V and POSIX communication, within the sandbox's own namespaces.
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getpeername),
    SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(listen), SCMP_SYS(mq_getsetattr), SCMP_SYS(mq_notify),
    SCMP_SYS(mq_open), SCMP_SYS(mq_timedreceive), SCMP_SYS(mq_timedsend), SCMP_SYS(mq_unlink), SCMP_SYS(msgctl),
    SCMP_SYS(msgget), SCMP_SYS(msgrcv), SCMP_SYS(msgsnd), SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg),
    SCMP_SYS(semctl), SCMP_SYS(semget), SCMP_SYS(semop), SCMP_SYS(semtimedop), SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg),
    SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shmat), SCMP_SYS(shmctl), SCMP_SYS(shmdt), SCMP_SYS(shmget),
    SCMP_SYS(shutdown),
    // The system.
    SCMP_SYS(getrandom), SCMP_SYS(sysinfo), SCMP_SYS(uname),
};

// Numbers given out after our table was made. A C library that knows them falls back on an older call if it is told
// that the kernel does not have them, but not if it is told that it may not use them.
enum { RECENT_CALLS_FROM = 450, RECENT_CALLS_TO = 520 };

static struct sock_filter *program;
static unsigned short program_length;

/// The condition that the bits of `mask` of an argument have a value.
static struct scmp_arg_cmp bits(unsigned argument, uint64_t mask, uint64_t value) {
    return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static int allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition) {
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);
}

/// The calls that are allowed with some arguments only.
static int add_conditional_rules(scmp_filter_ctx filter) {
    // Of an int argument the kernel looks at the lower half only, and so do we.
    const uint64_t whole_int = 0xffffffff;
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER
        | CLONE_NEWPID | CLONE_NEWNET;
    int result = allow_if(filter, SCMP_SYS(clone), bits(0, namespaces, 0));
    // Of netlink only what lists interfaces and routes; getaddrinfo and language runtimes ask for those.
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
    for (size_t i = 0; i < sizeof families / sizeof *families && result == 0; i++) {
        result = allow_if(filter, SCMP_SYS(socket), bits(0, whole_int, (uint64_t)families[i]));
    }
    if (result == 0) {
        struct scmp_arg_cmp routes[] = {bits(0, whole_int, AF_NETLINK), bits(2, whole_int, NETLINK_ROUTE)};
        result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, routes);
    }
    if (result == 0) result = allow_if(filter, SCMP_SYS(socketpair), bits(0, whole_int, AF_UNIX));
    // Asking for the execution domain, and leaving it as it is.
    if (result == 0) result = allow_if(filter, SCMP_SYS(personality), bits(0, whole_int, 0));
    if (result == 0) result = allow_if(filter, SCMP_SYS(personality), bits(0, whole_int, whole_int));
    return result;
}

static int add_rules(scmp_filter_ctx filter) {
    int result = 0;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed && result == 0; i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    for (int call = RECENT_CALLS_FROM; call < RECENT_CALLS_TO && result == 0; call++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
    }
    // The flags of clone3 are in memory, where a filter cannot look; C libraries then use clone.
    if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return result < 0 ? result : add_conditional_rules(filter);
}

/// libseccomp gives its program to a file only, so it is read back from one in memory.
static int keep_program(scmp_filter_ctx filter, const char **step) {
    *step = "make file for filter";
    int file = memfd_create("filter", MFD_CLOEXEC);
    if (file < 0) return -1;
    *step = "export filter";
    int result = seccomp_export_bpf(filter, file);
    off_t bytes = lseek(file, 0, SEEK_END);
    if (result == 0 && bytes > 0 && bytes / (off_t)sizeof *program <= BPF_MAXINSNS) {
        program = malloc((size_t)bytes);
        if (program && pread(file, program, (size_t)bytes, 0) == bytes) {
            program_length = (unsigned short)((size_t)bytes / sizeof *program);
        }
    }
    close(file);
    if (program_length > 0) return 0;
    errno = EINVAL;
    return -1;
}

int cfilter_prepare(const char **step) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter) {
        *step = "prepare filter";
        errno = ENOMEM;
        return -1;
    }
    // A search tree instead of a list.
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0) result = add_rules(filter);
    if (result < 0) {
        *step = "add filter rules";
        errno = -result;
    } else {
        result = keep_program(filter, step);
    }
    int error = errno;
    seccomp_release(filter);
    errno = error;
    return result;
}

int cfilter_install(void) {
    struct sock_fprog filter = {.len = program_length, .filter = program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}
