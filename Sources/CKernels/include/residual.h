// Residual connections of a pre-norm transformer, where the sum is not normalized at once (for that see layer_norm.h).
#ifndef SHOAL_RESIDUAL_H
#define SHOAL_RESIDUAL_H

#include <stddef.h>
#include <stdint.h>

// y = dropout(a + bias) + residual. a, residual, y: (rows, width); bias: (width), may be NULL. `keep` holds a byte an
// element in rows of `keep_stride`, or is NULL for no dropout; kept elements are multiplied by `keep_scale`. y may be
// residual.
void shoal_residual_forward(float *y, const float *restrict a, const float *restrict bias, const uint8_t *keep,
                            size_t keep_stride, float keep_scale, const float *residual, size_t rows, size_t width);

// From dy (rows, width) the gradient of a, dy through the dropout (rows, width); adds its column sums to d_bias
// (width), which the caller zeroes. The name ends in the element type of d_a.
void shoal_residual_backward_f32(float *restrict d_a, float *restrict d_bias, const float *restrict dy,
                                 const uint8_t *keep, size_t keep_stride, float keep_scale, size_t rows, size_t width);
void shoal_residual_backward_bf16(uint16_t *restrict d_a, float *restrict d_bias, const float *restrict dy,
                                  const uint8_t *keep, size_t keep_stride, float keep_scale, size_t rows,
                                  size_t width);

#endif
