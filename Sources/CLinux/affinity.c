#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sched.h>

// A mask may be longer than cpu_set_t, which ends at 1024 processors: the kernel takes any length.

int shoal_get_affinity(int64_t thread, uint8_t *mask, size_t count) {
    return sched_getaffinity((pid_t)thread, count, (cpu_set_t *)(void *)mask) < 0 ? errno : 0;
}

int shoal_set_affinity(int64_t thread, const uint8_t *mask, size_t count) {
    return sched_setaffinity((pid_t)thread, count, (const cpu_set_t *)(const void *)mask) < 0 ? errno : 0;
}
