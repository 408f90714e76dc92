#pragma once

// Files of virtual machines whose monitors take paths: directories that no name leads to, reached by a descriptor. Each
// call returns -1 and sets errno on failure; descriptors they return are close-on-exec.

#include <sys/types.h>

/// A directory in memory, on a mount that is attached nowhere: "/proc/self/fd/N/name" leads into it whoever has the
/// descriptor and whatever its root is, and ".." does not lead out. Everybody who has it may make `entries` files and
/// sockets there, and fill `bytes`.
int sb_detached_directory(unsigned bytes, unsigned entries);

/// The same of a directory that exists, with what is in it now and later. Who may make files there is as on the host.
int sb_detached_tree(const char *path);

/// Connects with a socket in a directory that somebody else may have put there: no symbolic link is followed. The
/// descriptor does not block.
int sb_connect_within(int directory, const char *name);

/// Gives a name in this directory to a file, which has to be of the same mount.
int sb_name_file(int file, int directory, const char *name);

/// Gives those pages of a file in memory back that hold nothing but zeroes.
int sb_free_zero_pages(int file);
