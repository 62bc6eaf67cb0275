// Floats on their way to another rank: rounding with error feedback, and planes that compress.
#ifndef SHOAL_WIRE_H
#define SHOAL_WIRE_H

#include <stddef.h>
#include <stdint.h>

// values[i] = bf16(values[i] + residual[i]); residual[i] = what that rounding lost; i < count. Where the sum is not
// finite nothing is kept back: it would stay for ever.
void shoal_round_with_feedback(float *restrict values, float *restrict residual, size_t count);

// values[i] = bf16(values[i]), i < count.
void shoal_round_bf16(float *values, size_t count);

// The parts of a float32: exponent (8 bits), sign and upper 7 bits of the mantissa, lower 16 bits of the mantissa.
void shoal_split_f32(uint8_t *restrict exponent, uint8_t *restrict upper, uint16_t *restrict lower,
                     const float *restrict from, size_t count);
void shoal_join_f32(float *restrict to, const uint8_t *restrict exponent, const uint8_t *restrict upper,
                    const uint16_t *restrict lower, size_t count);

// The same of floats that are bfloat16, whose lower 16 bits are zero.
void shoal_split_bf16(uint8_t *restrict exponent, uint8_t *restrict upper, const float *restrict from, size_t count);
void shoal_join_bf16(float *restrict to, const uint8_t *restrict exponent, const uint8_t *restrict upper,
                     size_t count);

#endif
