#pragma once

// The messages between three processes, over sockets that keep message boundaries (SOCK_SEQPACKET):
//
//   service  <->  launcher   one socket; starts and ends sandboxes
//   service  <->  init       one socket per sandbox; init is process 1 inside it and starts the function's processes
//
// A message is a head, then for some kinds a body of fixed size, then `string_count` strings, each ended by a NUL.
// Descriptors travel beside it (SCM_RIGHTS). Both ends are always of one build, so there is no versioning.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    /// The largest message. Below the kernel's default for a socket's buffer, so a message always fits whole.
    SB_MESSAGE_BYTES_MAX = 128 * 1024,
    /// The most descriptors beside one message.
    SB_DESCRIPTORS_MAX = 32,
    /// The most strings in one message: arguments and environment of a process.
    SB_STRINGS_MAX = 4096,
    /// The port of the Runtime API, on the sandbox's own loopback interface.
    SB_RUNTIME_API_PORT = 9001,
    /// The user and group that a function's processes run as, as they see it.
    SB_GUEST_USER = 993,
    SB_GUEST_GROUP = 990,
    /// The descriptor by which a process started with a channel reads from the service.
    SB_CHANNEL = 3,
    /// Steps that the launcher takes for a sandbox while its init takes others count from here on, so that a
    /// step's number says which of the two is meant.
    SB_LAUNCHER_STEPS = 1000,
    /// What init leaves the launcher: bits of the value of its message.
    SB_WAY_MOUNTS = 1,
    SB_WAY_NETWORK = 2,
    /// In the gateway, a sandbox's interface has this number plus that of its user among all guests. Far from the few that a
    /// kernel may put into every new network.
    SB_NETWORK_INTERFACES = 1000,
};

/// The addresses of sandboxes that may go out are this one, 100.64.0.0, plus the number of their user among all guests.
#define SB_NETWORK_SANDBOXES 0x64400000U
/// The gateway's address as sandboxes see it, which is also where names are resolved: 169.254.78.1.
#define SB_NETWORK_GATEWAY 0xa9fe4e01U

enum sb_kind {
    // Service to launcher.

    /// Assemble the userland. Strings: the skeleton directory, then pairs of a host path and its place inside. What is in /dev
    /// becomes a device there.
    /// Body: sb_start, which tells the descriptors.
    SB_START = 1,
    /// Make a sandbox. Strings: its host name, then for each mount its place inside, or in unprivileged mode pairs
    /// of a host path and its place. Body: sb_spawn, which tells the order of the descriptors.
    SB_SPAWN,
    /// Kill the sandbox of this token. Unknown tokens are passed over: it may have ended already.
    SB_KILL,
    /// Attach a function's mounts in the sandbox of this token, which was made to be adopted and has not been yet.
    /// Strings: for each mount its place inside, or in unprivileged mode pairs of a host path and its place.
    /// Body: sb_adopt, which tells the order of the descriptors.
    SB_ADOPT,
    /// The service runs. Number: kill every sandbox if this is not said again for so many milliseconds; 0: never.
    SB_ALIVE,

    // Launcher to service.

    /// The userland stands. Descriptor: the user namespace that maps owners of files, if the host has such mounts.
    SB_STARTED,
    /// It could not be assembled, and the launcher ends. Number: errno. String: the step.
    SB_START_FAILED,
    /// The sandbox's init could not be made; nothing of it exists. Number: errno. String: the step.
    SB_SPAWN_FAILED,
    /// The sandbox's init and all its processes have ended and were reaped. Number: wait status.
    SB_REAPED,
    /// The mounts of SB_ADOPT stand (number 0), or not all of them do (number: errno; string: the step).
    SB_ADOPTED,

    // Init to service.

    /// The sandbox stands. Descriptor: the listening socket of the Runtime API.
    SB_READY,
    /// It could not be set up; init ends. Number: errno. String: the step.
    SB_SET_UP_FAILED,
    /// The process of this token was executed (number 0), or not (number: errno; string: the step).
    SB_EXECUTED,
    /// The process of this token ended. Number: wait status.
    SB_EXITED,
    /// No process but init is left.
    SB_CLEARED,
    /// Descriptor: a new TCP socket of the sandbox's network; without one, number says why (errno).
    SB_SOCKET_MADE,

    // Service to init.

    /// Start a process. Value: how many of the strings are arguments. Strings: program, working directory,
    /// arguments, environment. Descriptors: its output, and where there are any those that become its descriptors
    /// SB_CHANNEL and up.
    SB_EXECUTE,
    /// Send the signal `number` to every process but init.
    SB_SIGNAL_ALL,
    /// Send the signal `number` to the process of this token and its process group.
    SB_SIGNAL,
    /// Kill every process but init, and report SB_CLEARED when the last is gone.
    SB_CLEAR,
    /// Make a TCP socket that can reach what listens inside.
    SB_MAKE_SOCKET,
};

struct sb_head {
    uint32_t kind;
    int32_t number;
    uint64_t token;
    uint32_t value;
    uint32_t string_count;
};

struct sb_start {
    /// 1 where the service lacks root's rights and everything happens inside a user namespace of its own.
    uint32_t unprivileged;
    /// The host's user and group that root inside stands for.
    uint32_t root_id;
    /// 1 if there are two descriptors: the gateway's network namespace, and its control.
    uint32_t has_gateway;
};

struct sb_spawn {
    /// The host's user and group that the function's user inside stands for.
    uint32_t guest_id;
    /// 1 if the second descriptor is the sandbox's directory in a version 2 cgroup tree.
    uint32_t has_unified_group;
    /// How many descriptors then follow of `tasks` files in version 1 trees.
    uint32_t legacy_group_count;
    /// 1 if the next descriptor is a mounted file system for /tmp; otherwise /tmp is in memory.
    uint32_t has_scratch;
    /// How many read-only mounts follow (descriptors, or paths in unprivileged mode).
    uint32_t mount_count;
    /// The limit on the number of processes of the guest's user.
    uint32_t process_limit;
    /// 1 if the sandbox is to be adopted later: init leaves the launcher a way into its mounts and its network, and /tmp
    /// to then.
    uint32_t is_adoptable;
    /// 1 if the sandbox is connected to the gateway.
    uint32_t is_connected;
    /// The size of an in-memory /tmp.
    uint64_t scratch_bytes;
    /// For tests, and without effect in release builds: the step to fail (0: none) and the error it fails with.
    uint32_t fault_step;
    int32_t fault_error;
};

struct sb_adopt {
    /// 1 if the first descriptor is a mounted file system for /tmp; otherwise /tmp is in memory.
    uint32_t has_scratch;
    /// How many read-only mounts follow (descriptors, or paths in unprivileged mode).
    uint32_t mount_count;
    /// 1 if the sandbox is connected to the gateway.
    uint32_t is_connected;
    /// The size of an in-memory /tmp.
    uint64_t scratch_bytes;
    /// As in sb_spawn.
    uint32_t fault_step;
    int32_t fault_error;
};

/// Sends one message. Waits for room, unless `flags` has MSG_DONTWAIT. Returns 0, or -1 with errno.
int sb_send(
    int socket, const struct sb_head *head, const void *rest, size_t rest_bytes, const int *descriptors,
    unsigned descriptor_count, int flags);

/// Receives one message. Waits for it, unless `flags` has MSG_DONTWAIT. Descriptors arrive close-on-exec; those of a
/// refused message are closed. Returns its size, 0 at the end of the stream, or -1 with errno (EBADMSG: not ours).
ssize_t sb_receive(
    int socket, void *buffer, size_t capacity, int *descriptors, unsigned *descriptor_count, int flags);

/// Sends a message of a head and at most one string.
int sb_report(int socket, enum sb_kind kind, uint64_t token, int number, const char *text, int descriptor);
