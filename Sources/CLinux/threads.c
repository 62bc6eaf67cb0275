#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int is_open;
};

static void *wait_at(void *raw) {
    struct gate *gate = raw;
    pthread_mutex_lock(&gate->lock);
    while (!gate->is_open) pthread_cond_wait(&gate->opened, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return NULL;
}

int shoal_probe_threads(int count, size_t stack) {
    if (count <= 0) return 0;
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    if (!threads) return ENOMEM;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (stack > 0) (void)pthread_attr_setstacksize(&attributes, stack);
    int code = 0, started = 0;
    while (started < count && (code = pthread_create(&threads[started], &attributes, wait_at, &gate)) == 0) started++;
    pthread_attr_destroy(&attributes);
    pthread_mutex_lock(&gate.lock);
    gate.is_open = 1;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.lock);
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
    free(threads);
    return code;
}

void shoal_ensure_default_stack(size_t bytes) {
#ifdef __GLIBC__
    pthread_attr_t attributes;
    if (pthread_getattr_default_np(&attributes) != 0) return;
    size_t now = 0;
    if (pthread_attr_getstacksize(&attributes, &now) == 0 && now < bytes &&
        pthread_attr_setstacksize(&attributes, bytes) == 0)
        (void)pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
#else
    (void)bytes;
#endif
}

void shoal_name_thread(const char *name) {
    char cut[16] = {0};
    strncpy(cut, name, sizeof cut - 1);
    (void)pthread_setname_np(pthread_self(), cut);
}

static uint64_t soft_limit(int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    return limit.rlim_cur;
}

uint64_t shoal_process_limit(void) { return soft_limit(RLIMIT_NPROC); }

uint64_t shoal_locked_memory_limit(void) { return soft_limit(RLIMIT_MEMLOCK); }
