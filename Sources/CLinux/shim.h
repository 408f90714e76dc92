#pragma once
/* Linux interfaces that the Glibc module does not cover. */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* Declared by the C library only under _GNU_SOURCE, which a module cannot set for its importers. */
extern int pipe2(int descriptors[2], int flags);
extern int pthread_setname_np(pthread_t thread, const char *name);
