#pragma once

// swiftlet-launcher: a small single-threaded process that makes sandboxes for the service.
//
// It exists because code between clone and exec must not allocate or take locks, which a multi-threaded Swift program
// cannot promise; because copying a small process is cheap; and because all mounts live in this process's own mount
// namespace, so that no crash of the service can leave one behind.
//
//   launcher.c  the event loop: requests, deaths, requests of inits for their user maps
//   userland.c  the read-only root that all sandboxes share
//   init.c      process 1 of a sandbox: builds it, gives up all rights, reports that it stands
//   guests.c    process 1 thereafter: starts the function's processes and reaps them
//   mounts.c    a function's files: /tmp and read-only mounts, at set-up or attached later by adoption
//   connect.c   the way out of a sandbox's network, where it has one
//   steps.c     names and numbers of the steps of set-up, for errors and for tests that make each one fail

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "Messages.h"

// MARK: Steps

/// The step that runs, or that failed last.
extern const char *step_name;

/// Starts counting steps. Where `fault_step` is not 0 (and this is a debug build), that step fails with `fault_error`.
void steps_begin(uint32_t fault_step, int32_t fault_error);

/// Goes on to the next step. Returns -1 with errno if it is the one that is to fail.
int step(const char *name);

/// Takes one step: evaluates to -1 with errno set if it failed, or was made to.
#define TRY(name, call) (step(name) < 0 ? -1 : (int)(call))

// MARK: What the parts share

struct launcher {
    bool unprivileged;
    /// The host's user and group that root inside stands for.
    uint32_t root_id;
    /// The host's /proc, kept from before it went out of sight.
    int host_proc;
    /// Maps the owners of files for mounts, or -1.
    int owner_namespace;
    /// The network namespace that leads sandboxes out, and its control; -1 where there is none.
    int gateway;
    int gateway_control;
};

/// A request for a sandbox, as received.
struct spawn_request {
    uint64_t token;
    struct sb_spawn parameters;
    const char *host_name;
    /// For each mount its place, preceded in unprivileged mode by its path on the host.
    const char *const *mount_strings;
    int control;
    int unified_group;
    const int *legacy_groups;
    int scratch;
    const int *mounts;
    /// All descriptors of the request; init closes them once used.
    const int *descriptors;
    unsigned descriptor_count;
};

/// A function's files, as a request has them.
struct file_request {
    bool has_scratch;
    /// A mounted file system for /tmp, or -1.
    int scratch;
    /// The size of a /tmp in memory.
    uint64_t scratch_bytes;
    uint32_t mount_count;
    /// For each mount its place, preceded in unprivileged mode by its path on the host.
    const char *const *mount_strings;
    /// For each mount its tree, but in unprivileged mode none.
    const int *mounts;
};

/// Where the host's files are inside an unprivileged launcher's root, until init takes them away.
#define HOST_DIRECTORY "/mnt"

/// Splits the strings of a message in place. Returns their number, or -1 with errno EBADMSG if it is not `expected`.
int split_strings(const char *text, size_t bytes, uint32_t expected, const char **strings, size_t capacity);

/// Writes a whole small file. Returns -1 with errno on failure.
int write_file(int directory, const char *path, const char *text);

/// Assembles the userland in a mount namespace of our own and makes it our root.
/// `strings` are those of SB_START. Returns -1 with errno and `step_name`.
int assemble_userland(struct launcher *launcher, const char *const *strings, unsigned count);

/// Attaches /tmp, in the mount namespace that this process is in. Returns -1 with errno and `step_name`.
int mount_scratch(const struct file_request *files);

/// Attaches the read-only mounts, as `mount_scratch` does /tmp.
int mount_read_only(bool unprivileged, const struct file_request *files);

/// Enters a sandbox's mount namespace in a child, attaches all of these files there, and returns to the launcher's own,
/// which never leaves it. Returns -1 with errno and `step_name`; some of the files may be attached then.
int adopt(bool unprivileged, int mount_namespace, const struct file_request *files);

/// Connects a sandbox's network with the gateway. `control` is the network's; `number` tells the sandbox from all others.
/// Returns -1 with errno and `step_name`; what was made by then goes away with the sandbox.
int connect_to_gateway(const struct launcher *launcher, int control, uint32_t number);

/// The life of a sandbox's process 1. `launcher_socket` asks the launcher for the user maps.
_Noreturn void init_main(const struct launcher *launcher, const struct spawn_request *request, int launcher_socket);

/// Serves requests to start processes until the service goes away. `control` and `signals` are the only descriptors.
_Noreturn void serve_guests(int control, int signals, bool unprivileged);

/// Closes all descriptors but these (few, in any order; -1 is passed over).
void close_all_but(const int *kept, unsigned count);
