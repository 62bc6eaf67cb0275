#include "attention_softmax.h"
#include "clones.h"
#include "fast_exp.h"

static inline int32_t bits_of(float f) {
    union { float f; int32_t i; } u = {.f = f};
    return u.i;
}

static inline float absolute(float f) {
    union { float f; int32_t i; } u = {.f = f};
    u.i &= 0x7fffffff;
    return u.f;
}

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

#include "element_f32.h"
#include "attention_softmax_body.h"

#include "element_bf16.h"
#include "attention_softmax_body.h"
