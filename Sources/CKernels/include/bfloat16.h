// bfloat16: the upper half of a float32.
#ifndef SHOAL_BFLOAT16_H
#define SHOAL_BFLOAT16_H

#include <stddef.h>
#include <stdint.h>

static inline float shoal_float_of_bf16(uint16_t x) {
    union { uint32_t u; float f; } value = {.u = (uint32_t)x << 16};
    return value.f;
}

// To nearest, ties to even; NaN stays NaN. By integer instructions, so that all CPUs give the same bits.
static inline uint16_t shoal_bf16_of_float(float x) {
    union { float f; uint32_t u; } value = {.f = x};
    uint32_t rounded = (value.u + 0x7fff + ((value.u >> 16) & 1)) >> 16;
    return (uint16_t)(x != x ? 0x7fc0 : rounded);
}

// to[i] = from[i] rounded, i < count.
void shoal_bf16_from_f32(uint16_t *restrict to, const float *restrict from, size_t count);

// to[i] = from[i], i < count.
void shoal_f32_from_bf16(float *restrict to, const uint16_t *restrict from, size_t count);

#endif
