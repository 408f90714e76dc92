#ifndef CFILTER_H
#define CFILTER_H

// The system calls that a function's processes may make, in a namespace sandbox and in a virtual machine alike.

/// Makes the filter, once in the life of a process. Returns -1 with errno on failure; `step` then says what failed.
int cfilter_prepare(const char **step);

/// Has this process and its descendants be filtered, for ever. Returns -1 with errno on failure. Safe between fork and exec.
int cfilter_install(void);

#endif
