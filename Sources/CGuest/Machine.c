#define _GNU_SOURCE
#include "CGuest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { ENTROPY_BYTES_MAX = 512 };

int cguest_add_entropy(const void *bytes, size_t count) {
    union {
        struct rand_pool_info head;
        char room[sizeof(struct rand_pool_info) + ENTROPY_BYTES_MAX];
    } pool = {{0}};
    if (count > ENTROPY_BYTES_MAX) {
        errno = EINVAL;
        return -1;
    }
    pool.head.entropy_count = (int)count * 8;
    pool.head.buf_size = (int)count;
    memcpy(pool.room + sizeof pool.head, bytes, count);
    int random = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (random < 0) return -1;
    // Without the second call the generator would go on with its old state for up to a minute.
    int result = ioctl(random, RNDADDENTROPY, &pool) < 0 ? -1 : ioctl(random, RNDRESEEDCRNG);
    int error = errno;
    explicit_bzero(&pool, sizeof pool);
    close(random);
    errno = error;
    return result;
}

int cguest_loopback_up(void) {
    int any = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (any < 0) return -1;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int result = ioctl(any, SIOCSIFFLAGS, &request);
    int error = errno;
    close(any);
    errno = error;
    return result;
}

int cguest_load_module(int file) {
    long result = syscall(SYS_finit_module, file, "", 0);
    return result < 0 && errno != EEXIST ? -1 : 0;
}

int cguest_child_signals(void) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0) return -1;
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

int cguest_take_signals(int signals) {
    struct signalfd_siginfo information;
    int any = 0;
    while (read(signals, &information, sizeof information) == sizeof information) any = 1;
    return any;
}

int cguest_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int cguest_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}

void cguest_power_off(void) {
    sync();
    // Without ACPI a machine cannot be switched off, but the monitor takes a restart for the end. Both are tried.
    reboot(RB_AUTOBOOT);
    reboot(RB_POWER_OFF);
    _exit(0);
}

int cguest_make_device(const char *path, unsigned major, unsigned minor) {
    if (mknod(path, S_IFCHR | 0666, makedev(major, minor)) < 0) return -1;
    return chmod(path, 0666);
}
