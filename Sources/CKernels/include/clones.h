// One binary at full speed on every x86-64 host: the loader picks the clone for the CPU at hand.
#ifndef SHOAL_CLONES_H
#define SHOAL_CLONES_H

#if defined(__x86_64__) && defined(__has_attribute) && __has_attribute(target_clones)
#define SHOAL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SHOAL_CLONES
#endif

#endif
