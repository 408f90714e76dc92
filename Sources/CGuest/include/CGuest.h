#pragma once

// What the agent of a guest needs of C: what has to happen before Swift's runtime starts, what happens between the making
// of a process and its program, and calls of the kernel that Swift cannot make.

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

enum {
    /// The user and group that a function's processes run as; those of a namespace sandbox.
    CGUEST_USER = 993,
    CGUEST_GROUP = 990,
    /// The descriptor of the channel that a process may have.
    CGUEST_CHANNEL = 3,
};

/// Whether this program is process 1, for which `/proc`, `/sys`, `/dev` and the cgroups were mounted before Swift started.
int cguest_is_init(void);

/// A program to execute. Lists end with NULL.
struct cguest_program {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *directory;
    /// The directory that becomes its root.
    const char *root;
    /// The open `cgroup.procs` of the group it is to be in.
    int group;
    /// What become its standard input; its output and error; and its descriptor 3, or -1.
    int input;
    int output;
    int channel;
};

/// Starts a program as the function's user, in a session of its own. Returns its process identifier, or -1 with errno and
/// the step that failed. The caller must have no other thread.
pid_t cguest_start(const struct cguest_program *program, const char **step);

/// Mixes these bytes into the kernel's generator of random numbers and has it start anew from them.
int cguest_add_entropy(const void *bytes, size_t count);

/// Brings up the loopback interface.
int cguest_loopback_up(void);

/// Brings up the network interface, if the machine has one. It has no address then, and leads nowhere.
int cguest_interface_up(void);

/// Gives the network interface its address, and routes by the gateway to everywhere. Addresses are most significant byte first.
/// What was done by then stays when a step fails; what an earlier call did does not stay.
int cguest_connect(uint32_t own, uint32_t gateway);

/// Loads a module of the kernel out of an open file.
int cguest_load_module(int file);

/// A descriptor from which the ends of children can be read. SIGCHLD is blocked from here on.
int cguest_child_signals(void);

/// Takes what the descriptor has. Returns whether there was anything.
int cguest_take_signals(int signals);

/// The next connection of a listening socket, non-blocking and close-on-exec.
int cguest_accept(int listener);

/// Listens for the host at this port of the sockets between machines and hosts (vsock), non-blocking and close-on-exec.
int cguest_host_listener(unsigned port);

/// The next connection of the host's, non-blocking and close-on-exec. Anybody else's is refused with EACCES.
int cguest_accept_host(int listener);

/// A pipe, close-on-exec.
int cguest_pipe(int ends[2]);

/// Switches the machine off.
void cguest_power_off(void);

/// Makes a character device that everybody may read and write.
int cguest_make_device(const char *path, unsigned major, unsigned minor);
