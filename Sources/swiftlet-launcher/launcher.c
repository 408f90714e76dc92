#define _GNU_SOURCE
#include "launcher.h"

#include "CFilter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The service's end of our life: when it closes, we end, and every sandbox with us.
enum { SERVICE = 3, SANDBOXES_MAX = 4096 };

/// A sandbox's init, as the launcher knows it. Free slots have pid 0.
struct sandbox {
    uint64_t token;
    pid_t pid;
    uint32_t guest_id;
    /// Where init asks for its user maps; closed, and -1, once it needs no more from us.
    int socket;
    /// Its mount namespace while it waits to be adopted, else -1.
    int mounts;
    /// The control of its network while that may still be connected, else -1.
    int network;
    bool is_connected;
    uint32_t fault_step;
    int32_t fault_error;
};

static struct launcher launcher = {.host_proc = -1, .owner_namespace = -1, .gateway = -1, .gateway_control = -1};
static struct sandbox sandboxes[SANDBOXES_MAX];
static int events = -1;
/// When every sandbox is killed unless the service is heard of before, in milliseconds since the host was started; 0: never.
static int64_t silence_end;
static char buffer[SB_MESSAGE_BYTES_MAX];
static const char *strings[SB_STRINGS_MAX];

int split_strings(const char *text, size_t bytes, uint32_t expected, const char **result, size_t capacity) {
    uint32_t count = 0;
    while (bytes > 0) {
        const char *end = memchr(text, 0, bytes);
        if (!end || count == capacity) break;
        result[count++] = text;
        bytes -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    if (bytes == 0 && count == expected) return (int)count;
    errno = EBADMSG;
    return -1;
}

static int watch(int descriptor, uint64_t data) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
    return epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event);
}

/// An init being made meanwhile may hold a copy of the descriptor for a while, so closing it is not enough to have
/// no more events of it.
static void unwatch_and_close(int descriptor) {
    epoll_ctl(events, EPOLL_CTL_DEL, descriptor, NULL);
    close(descriptor);
}

// MARK: Making a sandbox

static int parse_spawn(
    struct spawn_request *request, const struct sb_head *head, size_t bytes, const int *descriptors,
    unsigned descriptor_count) {
    errno = EBADMSG;
    if (bytes < sizeof *head + sizeof request->parameters) return -1;
    memcpy(&request->parameters, head + 1, sizeof request->parameters);
    const struct sb_spawn *wanted = &request->parameters;
    size_t fixed = sizeof *head + sizeof *wanted;
    int count = split_strings((const char *)head + fixed, bytes - fixed, head->string_count, strings, SB_STRINGS_MAX);
    bool by_path = launcher.unprivileged;
    if (count < 0 || wanted->mount_count > SB_DESCRIPTORS_MAX || wanted->legacy_group_count > SB_DESCRIPTORS_MAX
        || (uint32_t)count != 1 + wanted->mount_count * (by_path ? 2 : 1)
        || descriptor_count
            != 1 + !!wanted->has_unified_group + wanted->legacy_group_count + !!wanted->has_scratch
                + (by_path ? 0 : wanted->mount_count)) {
        return -1;
    }
    request->token = head->token;
    request->host_name = strings[0];
    request->mount_strings = strings + 1;
    request->descriptors = descriptors;
    request->descriptor_count = descriptor_count;
    const int *next = descriptors;
    request->control = *next++;
    request->unified_group = wanted->has_unified_group ? *next++ : -1;
    request->legacy_groups = next;
    next += wanted->legacy_group_count;
    request->scratch = wanted->has_scratch ? *next++ : -1;
    request->mounts = next;
    return 0;
}

static int spawn(const struct spawn_request *request) {
    size_t slot = 0;
    while (slot < SANDBOXES_MAX && sandboxes[slot].pid != 0) slot++;
    if (slot == SANDBOXES_MAX) {
        errno = EAGAIN;
        return -1;
    }
    int pair[2];
    if (TRY("make init's socket", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) < 0) return -1;
    struct clone_args arguments = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
        .exit_signal = SIGCHLD,
    };
    if (request->unified_group >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)request->unified_group;
    }
    int result = TRY("watch init's socket", watch(pair[0], slot));
    pid_t pid = result < 0 ? -1 : TRY("clone", syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) init_main(&launcher, request, pair[1]);
    int error = errno;
    close(pair[1]);
    if (pid < 0) {
        unwatch_and_close(pair[0]);
        errno = error;
        return -1;
    }
    sandboxes[slot] = (struct sandbox){
        .token = request->token,
        .pid = pid,
        .guest_id = request->parameters.guest_id,
        .socket = pair[0],
        .mounts = -1,
        .network = -1,
        .is_connected = request->parameters.is_connected,
        .fault_step = request->parameters.fault_step,
        .fault_error = request->parameters.fault_error,
    };
    return 0;
}

/// Writes the user and group maps of a sandbox's user namespace: only we, outside it, have the right to.
static int map_users(const struct sandbox *sandbox) {
    char path[64];
    char map[128];
    for (int i = 0; i < 2; i++) {
        unsigned inside = i == 0 ? SB_GUEST_USER : SB_GUEST_GROUP;
        if (launcher.unprivileged) {
            // One user is all that we have: the function's user is the service's own.
            snprintf(map, sizeof map, "%u 0 1\n", inside);
        } else {
            snprintf(map, sizeof map, "0 %u 1\n%u %u 1\n", launcher.root_id, inside, sandbox->guest_id);
        }
        snprintf(path, sizeof path, "%d/%s", sandbox->pid, i == 0 ? "uid_map" : "gid_map");
        if (TRY(i == 0 ? "map users" : "map groups", write_file(launcher.host_proc, path, map)) < 0) return -1;
    }
    return 0;
}

static void close_socket(struct sandbox *sandbox) {
    if (sandbox->socket >= 0) unwatch_and_close(sandbox->socket);
    sandbox->socket = -1;
}

/// Gives up the ways into a sandbox.
static void close_ways(struct sandbox *sandbox) {
    if (sandbox->mounts >= 0) close(sandbox->mounts);
    if (sandbox->network >= 0) close(sandbox->network);
    sandbox->mounts = sandbox->network = -1;
}

static int connect_sandbox(const struct sandbox *sandbox) {
    return connect_to_gateway(&launcher, sandbox->network, sandbox->guest_id - launcher.root_id);
}

/// Init asks for its maps with one message of any kind, and gets SB_EXECUTED or the error. The message brings the ways
/// into the sandbox that we need: first into its mounts, if it is to be adopted, then into its network.
static void serve_init(struct sandbox *sandbox) {
    struct sb_head head;
    int descriptors[SB_DESCRIPTORS_MAX];
    unsigned descriptor_count;
    if (sb_receive(sandbox->socket, &head, sizeof head, descriptors, &descriptor_count, 0) != sizeof head) {
        close_socket(sandbox);
        return;
    }
    unsigned next = 0;
    if (next < descriptor_count && head.value & SB_WAY_MOUNTS) sandbox->mounts = descriptors[next++];
    if (next < descriptor_count && head.value & SB_WAY_NETWORK) sandbox->network = descriptors[next++];
    steps_begin(sandbox->fault_step > SB_LAUNCHER_STEPS ? sandbox->fault_step - SB_LAUNCHER_STEPS : 0,
        sandbox->fault_error);
    int result = map_users(sandbox);
    if (result == 0 && sandbox->is_connected) result = connect_sandbox(sandbox);
    int error = result < 0 ? errno : 0;
    if (sandbox->mounts < 0) close_ways(sandbox);
    if (sb_report(sandbox->socket, SB_EXECUTED, 0, error, error ? step_name : NULL, -1) < 0) close_socket(sandbox);
}

static void reap(int signals) {
    struct signalfd_siginfo information;
    while (read(signals, &information, sizeof information) == sizeof information) continue;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < SANDBOXES_MAX; i++) {
            if (sandboxes[i].pid != pid) continue;
            close_socket(&sandboxes[i]);
            close_ways(&sandboxes[i]);
            sandboxes[i].pid = 0;
            sb_report(SERVICE, SB_REAPED, sandboxes[i].token, status, NULL, -1);
            break;
        }
    }
}

// MARK: Adopting a sandbox

static int parse_adopt(
    struct sb_adopt *wanted, struct file_request *files, const struct sb_head *head, size_t bytes,
    const int *descriptors, unsigned descriptor_count) {
    errno = EBADMSG;
    size_t fixed = sizeof *head + sizeof *wanted;
    if (bytes < fixed) return -1;
    memcpy(wanted, head + 1, sizeof *wanted);
    int count = split_strings((const char *)head + fixed, bytes - fixed, head->string_count, strings, SB_STRINGS_MAX);
    bool by_path = launcher.unprivileged;
    if (count < 0 || wanted->mount_count > SB_DESCRIPTORS_MAX
        || (uint32_t)count != wanted->mount_count * (by_path ? 2 : 1)
        || descriptor_count != !!wanted->has_scratch + (by_path ? 0 : wanted->mount_count)) {
        return -1;
    }
    *files = (struct file_request){
        .has_scratch = wanted->has_scratch,
        .scratch = wanted->has_scratch ? descriptors[0] : -1,
        .scratch_bytes = wanted->scratch_bytes,
        .mount_count = wanted->mount_count,
        .mount_strings = strings,
        .mounts = descriptors + !!wanted->has_scratch,
    };
    return 0;
}

static void serve_adopt(
    const struct sb_head *head, size_t bytes, const int *descriptors, unsigned descriptor_count) {
    struct sb_adopt wanted;
    struct file_request files;
    step_name = "parse request";
    int result = parse_adopt(&wanted, &files, head, bytes, descriptors, descriptor_count);
    struct sandbox *sandbox = NULL;
    for (size_t i = 0; i < SANDBOXES_MAX && result == 0; i++) {
        if (sandboxes[i].pid != 0 && sandboxes[i].token == head->token) sandbox = &sandboxes[i];
    }
    if (result == 0) {
        steps_begin(wanted.fault_step, wanted.fault_error);
        errno = ESRCH;
        result = TRY("find sandbox to adopt", sandbox && sandbox->mounts >= 0 ? 0 : -1);
    }
    if (result == 0) {
        result = wanted.is_connected ? connect_sandbox(sandbox) : 0;
        if (result == 0) result = adopt(launcher.unprivileged, sandbox->mounts, &files);
        int error = errno;
        // Once only, whatever came of it: from here on nobody has a way in.
        close_ways(sandbox);
        errno = error;
    }
    sb_report(SERVICE, SB_ADOPTED, head->token, result < 0 ? errno : 0, result < 0 ? step_name : NULL, -1);
}

// MARK: Silence

/// Goes on while the host sleeps, and nobody can set it.
static int64_t milliseconds_since_boot(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/// How long to wait at most: a service that has stopped cannot end its sandboxes, and others may count on their end.
static int milliseconds_until_silence_end(void) {
    if (silence_end == 0) return -1;
    int64_t left = silence_end - milliseconds_since_boot();
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void end_silence(void) {
    if (silence_end == 0 || milliseconds_since_boot() < silence_end) return;
    silence_end = 0;
    for (size_t i = 0; i < SANDBOXES_MAX; i++) {
        if (sandboxes[i].pid != 0) kill(sandboxes[i].pid, SIGKILL);
    }
}

// MARK: Requests

/// Takes over the descriptors that it keeps, and marks them as -1.
static void start(const struct sb_head *head, size_t bytes, int *descriptors, unsigned descriptor_count) {
    struct sb_start parameters;
    size_t fixed = sizeof *head + sizeof parameters;
    steps_begin(0, 0);
    step("parse start");
    errno = EBADMSG;
    int count = -1;
    if (bytes >= fixed) {
        memcpy(&parameters, head + 1, sizeof parameters);
        count = split_strings((const char *)head + fixed, bytes - fixed, head->string_count, strings, SB_STRINGS_MAX);
    }
    if (count >= 0) {
        launcher.unprivileged = parameters.unprivileged != 0;
        launcher.root_id = parameters.root_id;
        if (parameters.has_gateway && descriptor_count == 2) {
            launcher.gateway = descriptors[0];
            launcher.gateway_control = descriptors[1];
            descriptors[0] = descriptors[1] = -1;
        }
    }
    if (count < 0 || cfilter_prepare(&step_name) < 0 || assemble_userland(&launcher, strings, (unsigned)count) < 0) {
        sb_report(SERVICE, SB_START_FAILED, 0, errno, step_name, -1);
        _exit(1);
    }
    sb_report(SERVICE, SB_STARTED, 0, 0, NULL, launcher.owner_namespace);
}

static void serve_service(void) {
    int descriptors[SB_DESCRIPTORS_MAX];
    unsigned descriptor_count;
    ssize_t bytes = sb_receive(SERVICE, buffer, sizeof buffer, descriptors, &descriptor_count, 0);
    if (bytes <= 0) _exit(0);
    const struct sb_head *head = (const struct sb_head *)buffer;
    switch (head->kind) {
    case SB_START:
        start(head, (size_t)bytes, descriptors, descriptor_count);
        break;
    case SB_SPAWN: {
        struct spawn_request request = {0};
        step_name = "parse request";
        int result = parse_spawn(&request, head, (size_t)bytes, descriptors, descriptor_count);
        if (result == 0) {
            uint32_t fault = request.parameters.fault_step;
            steps_begin(fault <= SB_LAUNCHER_STEPS ? fault : 0, request.parameters.fault_error);
            result = spawn(&request);
        }
        if (result < 0) sb_report(SERVICE, SB_SPAWN_FAILED, head->token, errno, step_name, -1);
        break;
    }
    case SB_ADOPT:
        serve_adopt(head, (size_t)bytes, descriptors, descriptor_count);
        break;
    case SB_KILL:
        for (size_t i = 0; i < SANDBOXES_MAX; i++) {
            // Ours and not yet reaped, so the number cannot mean another process.
            if (sandboxes[i].pid != 0 && sandboxes[i].token == head->token) kill(sandboxes[i].pid, SIGKILL);
        }
        break;
    case SB_ALIVE:
        silence_end = head->number > 0 ? milliseconds_since_boot() + head->number : 0;
        break;
    default:
        break;
    }
    for (unsigned i = 0; i < descriptor_count; i++) {
        if (descriptors[i] >= 0) close(descriptors[i]);
    }
}

/// posix_spawn leaves two signals ignored that the C library uses itself, and refuses to let a program change. What is
/// ignored stays so across exec, so functions would inherit it.
static void restore_signals(void) {
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } standard = {.handler = SIG_DFL};
    syscall(SYS_rt_sigaction, __SIGRTMIN, &standard, NULL, sizeof standard.mask);
    syscall(SYS_rt_sigaction, __SIGRTMIN + 1, &standard, NULL, sizeof standard.mask);
}

int main(void) {
    restore_signals();
    // A session of its own: an interrupt from the terminal is for the service, which then ends us in good order.
    setsid();
    // The service's monitor thread starts us and lives as long as it. Its socket closing says the same; this is
    // for the case that some other process came to hold a copy of it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    events = epoll_create1(EPOLL_CLOEXEC);
    enum { SERVICE_EVENT = SANDBOXES_MAX, SIGNAL_EVENT };
    if (signals < 0 || events < 0 || watch(SERVICE, SERVICE_EVENT) < 0 || watch(signals, SIGNAL_EVENT) < 0) {
        perror("swiftlet-launcher (started by hand? the service starts it)");
        return 1;
    }
    for (;;) {
        struct epoll_event event;
        int count = epoll_wait(events, &event, 1, milliseconds_until_silence_end());
        // Before anything else is done: what waits to be read may be older than the silence.
        end_silence();
        if (count < 1) continue;
        if (event.data.u64 == SERVICE_EVENT) {
            serve_service();
        } else if (event.data.u64 == SIGNAL_EVENT) {
            reap(signals);
        } else if (sandboxes[event.data.u64].socket >= 0) {
            serve_init(&sandboxes[event.data.u64]);
        }
    }
}
