#pragma once

// What the service and its launcher share: the messages between them, and the system calls that Swift cannot make
// itself (those without a libc function, those with variable arguments, those with unions).

#include "HostCalls.h"
#include "MachineFiles.h"
#include "Messages.h"
#include "Network.h"

// For Swift, whose Glibc module lacks them.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/statfs.h>
