#include "wire.h"
#include "bfloat16.h"
#include "clones.h"

static inline uint32_t bits_of(float x) {
    union { float f; uint32_t u; } value = {.f = x};
    return value.u;
}

static inline float float_of(uint32_t x) {
    union { uint32_t u; float f; } value = {.u = x};
    return value.f;
}

SHOAL_CLONES
void shoal_round_with_feedback(float *restrict values, float *restrict residual, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float wanted = values[i] + residual[i];
        float sent = shoal_float_of_bf16(shoal_bf16_of_float(wanted));
        float lost = wanted - sent;
        values[i] = sent;
        // Infinities and NaN are those of which the difference to itself is not zero.
        residual[i] = lost - lost == 0 ? lost : 0;
    }
}

SHOAL_CLONES
void shoal_round_bf16(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = shoal_float_of_bf16(shoal_bf16_of_float(values[i]));
}

SHOAL_CLONES
void shoal_split_f32(uint8_t *restrict exponent, uint8_t *restrict upper, uint16_t *restrict lower,
                     const float *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t x = bits_of(from[i]);
        exponent[i] = (uint8_t)(x >> 23);
        upper[i] = (uint8_t)((x >> 24 & 0x80) | (x >> 16 & 0x7f));
        lower[i] = (uint16_t)x;
    }
}

SHOAL_CLONES
void shoal_join_f32(float *restrict to, const uint8_t *restrict exponent, const uint8_t *restrict upper,
                    const uint16_t *restrict lower, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t high = upper[i];
        to[i] = float_of((high & 0x80) << 24 | (uint32_t)exponent[i] << 23 | (high & 0x7f) << 16 | lower[i]);
    }
}

SHOAL_CLONES
void shoal_split_bf16(uint8_t *restrict exponent, uint8_t *restrict upper, const float *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t x = bits_of(from[i]);
        exponent[i] = (uint8_t)(x >> 23);
        upper[i] = (uint8_t)((x >> 24 & 0x80) | (x >> 16 & 0x7f));
    }
}

SHOAL_CLONES
void shoal_join_bf16(float *restrict to, const uint8_t *restrict exponent, const uint8_t *restrict upper,
                     size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t high = upper[i];
        to[i] = float_of((high & 0x80) << 24 | (uint32_t)exponent[i] << 23 | (high & 0x7f) << 16);
    }
}
