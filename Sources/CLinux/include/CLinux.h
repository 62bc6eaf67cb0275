// System calls of Linux that Swift's Glibc module does not have.
#ifndef SHOAL_CLINUX_H
#define SHOAL_CLINUX_H

#include <stddef.h>
#include <stdint.h>

// Copies `count` bytes at `address` of process `pid` to `to`. 0, or an errno: EPERM or ESRCH where that process may not
// be read or is gone, EFAULT where it has no such memory, ENOSYS where the kernel has no such call. What is at `to`
// after an error may be anything. The caller's own process may be read too.
int shoal_read_process(int64_t pid, uint64_t address, void *to, size_t count);

// Lets other processes of the same user read this one's memory where the kernel restricts that to a process's ancestors
// (Yama, as on Ubuntu); elsewhere it does nothing.
void shoal_let_processes_read(void);

// The processors that thread `thread` (0: the caller) may run on: bit i % 8 of byte i / 8 of `mask` for processor i.
// Only part of `mask` is written: it is to be zeros before. 0, or an errno.
int shoal_get_affinity(int64_t thread, uint8_t *mask, size_t count);

// Lets thread `thread` run on these processors alone. 0, or an errno: EINVAL where it may run on none of them, ESRCH
// where it has ended.
int shoal_set_affinity(int64_t thread, const uint8_t *mask, size_t count);

// Starts `count` threads that exist at the same time (with stacks of `stack` bytes; 0: the default) and ends them. 0,
// or the errno of the one that could not be started.
int shoal_probe_threads(int count, size_t stack);

// Makes the stacks of threads that do not ask for a size at least `bytes` long.
void shoal_ensure_default_stack(size_t bytes);

// A descriptor that is readable once something was written to it (eventfd(2)), closed by exec, never blocking; -1, with
// errno, where the process has too many.
int shoal_eventfd(void);

// Names the calling thread; a name is cut after 15 bytes.
void shoal_name_thread(const char *name);

// The soft limits of processes (and threads) of this user, and of locked memory; UINT64_MAX where there are none.
uint64_t shoal_process_limit(void);
uint64_t shoal_locked_memory_limit(void);

#endif
