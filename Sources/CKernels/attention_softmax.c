#include "attention_softmax.h"
#include "clones.h"
#include "fast_exp.h"
#include "maximum.h"

static inline int32_t bits_of(float f) {
    union { float f; int32_t i; } u = {.f = f};
    return u.i;
}

static inline float absolute(float f) {
    union { float f; int32_t i; } u = {.f = f};
    u.i &= 0x7fffffff;
    return u.f;
}

#include "element_f32.h"
#include "attention_softmax_body.h"

#include "element_bf16.h"
#include "attention_softmax_body.h"
