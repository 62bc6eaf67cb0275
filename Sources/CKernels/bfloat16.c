#include "bfloat16.h"
#include "clones.h"

SHOAL_CLONES
void shoal_bf16_from_f32(uint16_t *restrict to, const float *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = shoal_bf16_of_float(from[i]);
}

SHOAL_CLONES
void shoal_f32_from_bf16(float *restrict to, const uint16_t *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = shoal_float_of_bf16(from[i]);
}
