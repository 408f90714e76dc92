#define _GNU_SOURCE
#include "launcher.h"

#include "CFilter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "HostCalls.h"
#include "Network.h"

// How many connections of a function's processes may wait to be accepted by the service.
enum { LISTENER_BACKLOG = 128 };

void close_all_but(const int *kept, unsigned count) {
    // Always closes the gap up to the next kept descriptor; there are few, so no sorting.
    unsigned from = 0;
    for (;;) {
        unsigned next = ~0U;
        for (unsigned i = 0; i < count; i++) {
            if (kept[i] >= 0 && (unsigned)kept[i] >= from && (unsigned)kept[i] < next) next = (unsigned)kept[i];
        }
        if (next > from) syscall(SYS_close_range, from, next == ~0U ? ~0U : next - 1, 0);
        if (next == ~0U) return;
        from = next + 1;
    }
}

/// Enters the version 1 groups, which a process can only do for itself once it runs. Version 2 was entered by clone.
static int join_groups(const struct spawn_request *request) {
    for (uint32_t i = 0; i < request->parameters.legacy_group_count; i++) {
        if (TRY("join cgroup", write(request->legacy_groups[i], "0", 1)) < 0) return -1;
    }
    // Only now, so that the groups just entered are the roots that the function sees.
    return TRY("enter cgroup namespace", unshare(CLONE_NEWCGROUP));
}

static int mount_files(const struct launcher *launcher, const struct spawn_request *request) {
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (TRY("mount /proc", mount("proc", "/proc", "proc", flags, NULL)) < 0) return -1;
    struct file_request files = {
        .has_scratch = request->parameters.has_scratch,
        .scratch = request->scratch,
        .scratch_bytes = request->parameters.scratch_bytes,
        .mount_count = request->parameters.mount_count,
        .mount_strings = request->mount_strings,
        .mounts = request->mounts,
    };
    if (!request->parameters.is_adoptable && mount_scratch(&files) < 0) return -1;
    if (mount_read_only(launcher->unprivileged, &files) < 0) return -1;
    return launcher->unprivileged ? TRY("detach host", umount2(HOST_DIRECTORY, MNT_DETACH)) : 0;
}

/// Brings up the loopback interface, all the network that there is at first, and opens the Runtime API's socket on it.
static int open_listener(void) {
    int listener = TRY("make listener", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (listener < 0) return -1;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(SB_RUNTIME_API_PORT),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (TRY("bring up loopback", ioctl(listener, SIOCSIFFLAGS, &request)) < 0
        || TRY("bind listener", bind(listener, (struct sockaddr *)&address, sizeof address)) < 0
        || TRY("listen", listen(listener, LISTENER_BACKLOG)) < 0) {
        return -1;
    }
    return listener;
}

/// Makes the function's user of the host the one that owns the user namespace to come.
///
/// The kernel counts much of what processes hold (watches of files, message queues, timers and queued signals) for the
/// owner of their user namespace too. Were that root, all functions and the host's own services would share one
/// allowance, and one function could use it up for all of them.
static int become_owner(uint32_t guest_id) {
    // The rights over the host stay until the namespace is entered: some hosts let nobody else make one.
    if (TRY("keep capabilities", prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)) < 0) return -1;
    return TRY("become owner", setresuid((uid_t)-1, guest_id, (uid_t)-1));
}

/// Enters the user namespace of the function. It comes after all mounts and interfaces are made: they belong to the
/// namespaces of the host's root, so even a process that gained every capability in here would have none over them.
static int enter_user_namespace(
    const struct launcher *launcher, const struct sb_spawn *parameters, int launcher_socket) {
    struct {
        struct sb_head head;
        char text[256];
    } message = {.head = {.kind = SB_SPAWN}};
    int descriptors[SB_DESCRIPTORS_MAX];
    unsigned descriptor_count = 0;
    // These are what the launcher will come in by. Given now, while nothing of a function runs, so that it never has to
    // look for us, or ask us anything, later.
    if (parameters->is_adoptable) {
        int mounts = TRY("open own mount namespace", open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
        if (mounts < 0) return -1;
        descriptors[descriptor_count++] = mounts;
        message.head.value |= SB_WAY_MOUNTS;
    }
    if (launcher->gateway >= 0 && (parameters->is_adoptable || parameters->is_connected)) {
        int network = TRY("open own network", sb_network_control());
        if (network < 0) return -1;
        descriptors[descriptor_count++] = network;
        message.head.value |= SB_WAY_NETWORK;
    }
    if (!launcher->unprivileged && become_owner(parameters->guest_id) < 0) return -1;
    if (TRY("enter user namespace", unshare(CLONE_NEWUSER)) < 0) return -1;
    if (TRY("ask for user maps", sb_send(launcher_socket, &message.head, NULL, 0, descriptors, descriptor_count, 0))
        < 0) {
        return -1;
    }
    ssize_t bytes = TRY(
        "get user maps", sb_receive(launcher_socket, &message, sizeof message - 1, descriptors, &descriptor_count, 0));
    if (bytes == 0) errno = EPIPE;
    if (bytes <= 0) return -1;
    if (message.head.number != 0) {
        // The launcher's step failed, not ours. The text outlives this call only as a copy.
        static char name[sizeof message.text];
        memcpy(name, message.text, sizeof name - 1);
        step_name = name;
        errno = message.head.number;
        return -1;
    }
    if (launcher->unprivileged) return 0;
    if (TRY("drop groups", setgroups(0, NULL)) < 0) return -1;
    if (TRY("become group 0 inside", setresgid(0, 0, 0)) < 0) return -1;
    return TRY("become user 0 inside", setresuid(0, 0, 0));
}

/// Lowers a limit; raising one takes a right over the host that the service may not have.
static int limit(const char *name, __rlimit_resource_t resource, rlim_t soft, rlim_t hard) {
    struct rlimit now;
    if (TRY(name, getrlimit(resource, &now)) < 0) return -1;
    if (hard > now.rlim_max) hard = now.rlim_max;
    if (soft > hard) soft = hard;
    struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    return TRY(name, setrlimit(resource, &wanted));
}

static int set_limits(const struct sb_spawn *parameters) {
    if (limit("limit descriptors", RLIMIT_NOFILE, 1024, 1024) < 0
        || limit("limit processes", RLIMIT_NPROC, parameters->process_limit, parameters->process_limit) < 0
        || limit("limit locked memory", RLIMIT_MEMLOCK, 65536, 65536) < 0
        || limit("limit stack", RLIMIT_STACK, 8 << 20, RLIM_INFINITY) < 0) {
        return -1;
    }
    // Lambda allows core files. Here they stay off: the host's core_pattern may be a pipe into a program that runs
    // with root's rights on the host, on data that the function chose.
    return limit("limit core files", RLIMIT_CORE, 0, 0);
}

/// Gives up what process 1 does not need, for itself and for all that will ever run in the sandbox.
static int give_up_rights(bool unprivileged) {
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
        // A kernel older than the headers knows fewer capabilities.
        if (prctl(PR_CAPBSET_DROP, capability) < 0 && errno != EINVAL) {
            step_name = "empty bounding set";
            return -1;
        }
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {{0}};
    // To become the function's user in a new process, and to signal that user's processes.
    uint32_t kept = 1U << CAP_KILL;
    if (!unprivileged) kept |= 1U << CAP_SETUID | 1U << CAP_SETGID;
    sets[0].effective = sets[0].permitted = kept;
    if (TRY("drop capabilities", syscall(SYS_capset, &header, sets)) < 0) return -1;
    // No program may gain what its user lacks, and no process of the function may look into this one.
    if (TRY("set no-new-privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0) return -1;
    if (TRY("become undumpable", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) < 0) return -1;
    return TRY("install system call filter", cfilter_install());
}

/// Makes the kernel kill us when the launcher ends. Changing users has reset that, hence late; and the launcher may
/// have ended before, which its socket tells.
static int tie_to_launcher(int launcher_socket) {
    if (TRY("tie to launcher", prctl(PR_SET_PDEATHSIG, SIGKILL)) < 0) return -1;
    struct pollfd state = {.fd = launcher_socket, .events = POLLIN};
    int ready = TRY("look for launcher", poll(&state, 1, 0));
    if (ready > 0) errno = EPIPE;
    return ready == 0 ? 0 : -1;
}

/// All steps, in order. Returns the listener, or -1 with errno and `step_name`.
static int set_up(
    const struct launcher *launcher, const struct spawn_request *request, int launcher_socket, int signals) {
    if (join_groups(request) < 0) return -1;
    if (TRY("set host name", sethostname(request->host_name, strlen(request->host_name))) < 0) return -1;
    if (TRY("set domain name", setdomainname("localdomain", 11)) < 0) return -1;
    if (mount_files(launcher, request) < 0) return -1;
    int listener = open_listener();
    if (listener < 0) return -1;
    if (enter_user_namespace(launcher, &request->parameters, launcher_socket) < 0) return -1;
    if (set_limits(&request->parameters) < 0 || give_up_rights(launcher->unprivileged) < 0) return -1;
    if (tie_to_launcher(launcher_socket) < 0) return -1;
    // Descriptors 0 to 2 stay taken, so that none of a function's process is ever one that init opened by chance.
    int nowhere = TRY("open /dev/null", open("/dev/null", O_RDWR | O_CLOEXEC));
    if (nowhere < 0) return -1;
    for (int standard = 0; standard < 3; standard++) {
        if (TRY("close standard streams", dup2(nowhere, standard)) < 0) return -1;
    }
    int kept[] = {0, 1, 2, request->control, signals, listener};
    close_all_but(kept, 6);
    return listener;
}

_Noreturn void init_main(const struct launcher *launcher, const struct spawn_request *request, int launcher_socket) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    int signals = TRY("make signal descriptor", signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
    int listener = signals < 0 ? -1 : set_up(launcher, request, launcher_socket, signals);
    int result = listener < 0 ? -1 : TRY("report", sb_report(request->control, SB_READY, 0, 0, NULL, listener));
    if (result < 0) {
        sb_report(request->control, SB_SET_UP_FAILED, 0, errno, step_name, -1);
        _exit(1);
    }
    close(listener);
    serve_guests(request->control, signals, launcher->unprivileged);
}
