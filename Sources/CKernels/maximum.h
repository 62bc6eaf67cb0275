// The largest of some floats, for kernels that take the largest out before they exponentiate.
#ifndef SHOAL_MAXIMUM_H
#define SHOAL_MAXIMUM_H

#include <stddef.h>

// The largest value that is a number, in lanes: the compiler does not vectorize a maximum that may meet NaN.
// Always inlined, so that each clone has its own.
static inline __attribute__((always_inline)) float maximum(const float *s, size_t count) {
    float lanes[16];
    size_t c = 0;
    for (int i = 0; i < 16; i++) lanes[i] = s[0];
    for (; c + 16 <= count; c += 16) {
        for (int i = 0; i < 16; i++) lanes[i] = s[c + i] > lanes[i] ? s[c + i] : lanes[i];
    }
    for (int i = 0; c < count; c++, i++) lanes[i] = s[c] > lanes[i] ? s[c] : lanes[i];
    for (int i = 1; i < 16; i++) lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
}

#endif
