// Rotary positions (Su et al., "RoFormer", 2021) on the rows of queries and keys.
// The kernels end in the element type of the matrices: f32, or bf16 with all arithmetic in float32.
#ifndef SHOAL_ROTARY_H
#define SHOAL_ROTARY_H

#include <stddef.h>
#include <stdint.h>

// Turns, in each row and head, the pair (x[i], x[i + size / 2]), i < size / 2, by the angle of the row's position:
// (x cos - y sin, y cos + x sin). Row r begins at values + r * stride and has `heads` heads of `size` elements; its
// cosines and sines stand at positions[r] * size / 2 of the two tables. With `direction` -1 it turns back, with 1 it
// turns.
void shoal_rotate_f32(float *values, size_t stride, const int32_t *positions, const float *cosines,
                      const float *sines, float direction, size_t rows, size_t heads, size_t size);
void shoal_rotate_bf16(uint16_t *values, size_t stride, const int32_t *positions, const float *cosines,
                       const float *sines, float direction, size_t rows, size_t heads, size_t size);

#endif
