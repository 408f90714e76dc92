#include "launcher.h"

#include <errno.h>

const char *step_name = "start";

// A copy of this state goes into each init, which counts on from where the launcher stood.
static uint32_t steps_taken;
static uint32_t failing_step;
static int32_t failing_error;

void steps_begin(uint32_t fault_step, int32_t fault_error) {
    steps_taken = 0;
#ifdef DEBUG
    failing_step = fault_step;
    failing_error = fault_error;
#else
    (void)fault_step;
    (void)fault_error;
    failing_step = 0;
    failing_error = 0;
#endif
}

int step(const char *name) {
    step_name = name;
    steps_taken++;
    if (failing_step == 0 || steps_taken != failing_step) return 0;
    errno = failing_error;
    return -1;
}
