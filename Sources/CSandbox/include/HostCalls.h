#pragma once

// System calls for Swift. Each returns -1 and sets errno on failure; descriptors they return are close-on-exec.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// A connected pair of sockets that keep message boundaries.
int sb_socket_pair(int pair[2]);

/// A detached read-only copy of the mount at `source`, without set-user-id programs and device nodes. Where
/// `owner_namespace` is a descriptor, file owners are shown as that user namespace maps them, if the file system can.
int sb_read_only_tree(int directory, const char *source, int owner_namespace);

/// Attaches a mount that has no place yet at `target`.
int sb_attach(int mount, const char *target);

/// Connects an image file with a free loop device that frees itself with its last user, and puts the device's path
/// into `device`. Returns the device's descriptor, to be closed once the device is mounted.
int sb_loop_attach(int image, char *device, size_t device_bytes);

/// Mounts the ext4 file system on `device`, without a place yet: no set-user-id programs, no device nodes.
/// Made for data that need not outlive its user: no barriers, no journal, no background initialisation.
int sb_mount_scratch(const char *device);

/// An empty file in this directory, which has no name (or on some file systems has one for a moment).
int sb_nameless_file(const char *directory);

/// Copies what data a sparse file has to the same places of another, and leaves the rest a hole. Reads at places that it names: others
/// may copy by the same descriptor at the same time.
int sb_copy_sparse(int from, int to);

/// Where the next data of a sparse file begins, from `offset` on; -1 with ENXIO if there is none. Moves the file's offset, as the
/// next one does.
off_t sb_next_data(int file, off_t offset);
/// Where the data at `offset` ends.
off_t sb_next_hole(int file, off_t offset);

/// Starts a program like `sb_start_with`, with one descriptor and no output.
pid_t sb_start_program(const char *path, char *const arguments[], int descriptor);

/// Waits until the process has ended. Returns its wait status.
int sb_wait(pid_t process);

/// Gives the calling thread a name of at most 15 characters, for those who look at the process from outside.
void sb_name_thread(const char *name);

/// Starts a program with an empty environment and these descriptors as its descriptors 3 and up, /dev/null for standard
/// input, `output` (or /dev/null, if it is -1) for the other two, and none of the caller's other descriptors. Returns its
/// process id.
pid_t sb_start_with(
    const char *path, char *const arguments[], const int *descriptors, unsigned count, int output);

/// Waits until the process has ended, and leaves it to be reaped.
int sb_wait_for_end(pid_t process);

/// A file of this size in memory, which can be sealed. Anybody who has a descriptor of it may open it again.
int sb_memory_file(const char *name, off_t bytes);

/// Forbids every change of a file in memory, for good. EBUSY if it is mapped for writing.
int sb_seal(int file);

/// Sends bytes with one descriptor beside them. Returns how many were sent.
ssize_t sb_send_with_descriptor(int socket, const void *bytes, size_t count, int descriptor);
