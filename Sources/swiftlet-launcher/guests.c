#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Processes that the service started and whose end it waits for. Their descendants are reaped without a report.
enum { GUESTS_MAX = 64 };

static struct {
    pid_t pid;
    uint64_t token;
} guests[GUESTS_MAX];

// Whether the service waits for the last process to be gone.
static bool is_clearing;

static char buffer[SB_MESSAGE_BYTES_MAX];
static const char *strings[SB_STRINGS_MAX];

/// What is to be executed: pointers into the message, each list ended by NULL.
struct program {
    const char *path;
    const char *directory;
    char **arguments;
    char **environment;
};

/// Why a program was not executed.
struct failure {
    int error;
    char step[32];
};

_Noreturn static void fail(int status, const char *name) {
    struct failure failure = {.error = errno};
    strncpy(failure.step, name, sizeof failure.step - 1);
    ssize_t written = write(status, &failure, sizeof failure);
    _exit(written == sizeof failure ? 126 : 127);
}

/// Moves a descriptor out of the way of those that the program gets.
static int raised(int descriptor) {
    return fcntl(descriptor, F_DUPFD_CLOEXEC, SB_CHANNEL + SB_DESCRIPTORS_MAX);
}

/// The new process, up to its program. `status` closes when the program runs; until then it takes a failure.
_Noreturn static void become(
    const struct program *program, int output, const int *channels, unsigned channel_count, int failure_status,
    bool unprivileged) {
    sigset_t none;
    sigemptyset(&none);
    int status = raised(failure_status);
    if (status < 0) fail(failure_status, "dup");
    int sources[SB_DESCRIPTORS_MAX];
    for (unsigned i = 0; i < channel_count; i++) {
        sources[i] = raised(channels[i]);
        if (sources[i] < 0) fail(status, "dup");
    }
    if (setsid() < 0) fail(status, "setsid");
    int input = open("/dev/null", O_RDONLY);
    if (input < 0) fail(status, "open /dev/null");
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) fail(status, "set standard streams");
    for (unsigned i = 0; i < channel_count; i++) {
        if (dup2(sources[i], SB_CHANNEL + (int)i) < 0) fail(status, "set channel");
    }
    int kept[3 + SB_DESCRIPTORS_MAX + 1] = {0, 1, 2, status};
    for (unsigned i = 0; i < channel_count; i++) kept[4 + i] = SB_CHANNEL + (int)i;
    close_all_but(kept, 4 + channel_count);
    umask(022);
    if (!unprivileged) {
        if (setgroups(0, NULL) < 0) fail(status, "drop groups");
        if (setresgid(SB_GUEST_GROUP, SB_GUEST_GROUP, SB_GUEST_GROUP) < 0) fail(status, "set group");
        if (setresuid(SB_GUEST_USER, SB_GUEST_USER, SB_GUEST_USER) < 0) fail(status, "set user");
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {{0}};
    if (syscall(SYS_capset, &header, sets) < 0) fail(status, "drop capabilities");
    if (chdir(program->directory) < 0) fail(status, "chdir");
    // Last: from here on, signals of the function's other processes take effect.
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) fail(status, "unblock signals");
    execve(program->path, program->arguments, program->environment);
    fail(status, "execve");
}

/// Starts a program and reports how it went.
static void execute(
    int control, uint64_t token, const struct program *program, int output, const int *channels,
    unsigned channel_count, bool unprivileged) {
    size_t slot = 0;
    while (slot < GUESTS_MAX && guests[slot].pid != 0) slot++;
    int status[2];
    struct failure failure = {.error = EAGAIN, .step = "count processes"};
    if (slot == GUESTS_MAX) {
        sb_report(control, SB_EXECUTED, token, failure.error, failure.step, -1);
        return;
    }
    if (pipe2(status, O_CLOEXEC) < 0) {
        sb_report(control, SB_EXECUTED, token, errno, "pipe2", -1);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) become(program, output, channels, channel_count, status[1], unprivileged);
    int error = errno;
    close(status[1]);
    if (pid < 0) {
        close(status[0]);
        sb_report(control, SB_EXECUTED, token, error, "fork", -1);
        return;
    }
    ssize_t bytes;
    do {
        bytes = read(status[0], &failure, sizeof failure);
    } while (bytes < 0 && errno == EINTR);
    close(status[0]);
    if (bytes == sizeof failure) {
        waitpid(pid, NULL, 0);
        sb_report(control, SB_EXECUTED, token, failure.error, failure.step, -1);
        return;
    }
    // A process killed before it executed anything is reported as started, then as ended.
    guests[slot].pid = pid;
    guests[slot].token = token;
    sb_report(control, SB_EXECUTED, token, 0, NULL, -1);
}

static void reap(int control, int signals) {
    struct signalfd_siginfo information;
    while (read(signals, &information, sizeof information) == sizeof information) continue;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < GUESTS_MAX; i++) {
            if (guests[i].pid != pid) continue;
            guests[i].pid = 0;
            sb_report(control, SB_EXITED, guests[i].token, status, NULL, -1);
            break;
        }
    }
    // Orphans become children of process 1, so having no child means that nothing else lives in the sandbox.
    if (is_clearing && pid < 0 && errno == ECHILD) {
        is_clearing = false;
        sb_report(control, SB_CLEARED, 0, 0, NULL, -1);
    }
}

static void signal_guest(uint64_t token, int number) {
    for (size_t i = 0; i < GUESTS_MAX; i++) {
        // Each leads a group, and as long as it is not reaped the number is nobody else's.
        if (guests[i].pid != 0 && guests[i].token == token) kill(-guests[i].pid, number);
    }
}

static void make_socket(int control) {
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sb_report(control, SB_SOCKET_MADE, 0, made < 0 ? errno : 0, NULL, made);
    if (made >= 0) close(made);
}

/// Reads the strings of SB_EXECUTE. Returns -1 with errno if they are not as announced.
static int parse_program(struct program *program, const struct sb_head *head, size_t bytes) {
    static char *lists[SB_STRINGS_MAX + 2];
    int count = split_strings(
        (const char *)(head + 1), bytes - sizeof *head, head->string_count, strings, SB_STRINGS_MAX);
    if (count < 0) return -1;
    if (head->value < 1 || count < 2 || head->value > (uint32_t)count - 2) {
        errno = EBADMSG;
        return -1;
    }
    program->path = strings[0];
    program->directory = strings[1];
    uint32_t argument_count = head->value;
    uint32_t environment_count = (uint32_t)count - 2 - argument_count;
    // The message is ours and execve does not write to it; its type merely cannot say so.
    program->arguments = lists;
    memcpy(lists, strings + 2, sizeof *lists * argument_count);
    lists[argument_count] = NULL;
    program->environment = lists + argument_count + 1;
    memcpy(program->environment, strings + 2 + argument_count, sizeof *lists * environment_count);
    program->environment[environment_count] = NULL;
    return 0;
}

static void serve_request(int control, int signals, bool unprivileged) {
    int descriptors[SB_DESCRIPTORS_MAX];
    unsigned descriptor_count;
    ssize_t bytes = sb_receive(control, buffer, sizeof buffer, descriptors, &descriptor_count, 0);
    // The service has closed the sandbox, or has ended: then so do we, and with us all processes inside.
    if (bytes <= 0) _exit(0);
    const struct sb_head *head = (const struct sb_head *)buffer;
    switch (head->kind) {
    case SB_SIGNAL_ALL:
        kill(-1, head->number);
        break;
    case SB_SIGNAL:
        signal_guest(head->token, head->number);
        break;
    case SB_CLEAR:
        is_clearing = true;
        kill(-1, SIGKILL);
        reap(control, signals);
        break;
    case SB_MAKE_SOCKET:
        make_socket(control);
        break;
    case SB_EXECUTE: {
        struct program program;
        errno = EBADMSG;
        bool has_output = descriptor_count > 0;
        if (!has_output || parse_program(&program, head, (size_t)bytes) < 0) {
            sb_report(control, SB_EXECUTED, head->token, errno, "parse request", -1);
        } else {
            execute(
                control, head->token, &program, descriptors[0], descriptors + 1, descriptor_count - 1, unprivileged);
        }
        break;
    }
    default:
        break;
    }
    for (unsigned i = 0; i < descriptor_count; i++) close(descriptors[i]);
}

_Noreturn void serve_guests(int control, int signals, bool unprivileged) {
    for (;;) {
        struct pollfd ready[] = {{.fd = signals, .events = POLLIN}, {.fd = control, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0) continue;
        if (ready[0].revents) reap(control, signals);
        if (ready[1].revents) serve_request(control, signals, unprivileged);
    }
}
