// What a feed-forward network may have in place of the exact GELU (gelu.h), each forward and backward.
// The kernels end in the element type of the matrices: f32, or bf16 with all arithmetic in float32.
#ifndef SHOAL_ACTIVATION_H
#define SHOAL_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

// y[i] = max(x[i], 0), i < count. y may be x where no backward pass follows; so with the next one.
void shoal_relu_forward_f32(float *y, const float *x, size_t count);
void shoal_relu_forward_bf16(uint16_t *y, const uint16_t *x, size_t count);

// y[i] = x[i] / 2 * (1 + tanh(sqrt(2 / pi) * (x[i] + 0.044715 x[i]^3))), which comes close to GELU (Hendrycks, Gimpel
// 2016).
void shoal_gelu_tanh_forward_f32(float *y, const float *x, size_t count);
void shoal_gelu_tanh_forward_bf16(uint16_t *y, const uint16_t *x, size_t count);

// dx, in place of dy; adds the column sums of dx to d_bias (width), which the caller zeroes. dy, x: (rows, width).
void shoal_relu_backward_f32(float *restrict dy, float *restrict d_bias, const float *restrict x, size_t rows,
                             size_t width);
void shoal_relu_backward_bf16(uint16_t *restrict dy, float *restrict d_bias, const uint16_t *restrict x, size_t rows,
                              size_t width);
void shoal_gelu_tanh_backward_f32(float *restrict dy, float *restrict d_bias, const float *restrict x, size_t rows,
                                  size_t width);
void shoal_gelu_tanh_backward_bf16(uint16_t *restrict dy, float *restrict d_bias, const uint16_t *restrict x,
                                   size_t rows, size_t width);

// GELU with a gate (Shazeer, "GLU variants improve transformer", 2020): y = GELU(a) * g, where a row of x (rows,
// 2 width) is first a, then g. y: (rows, width), other memory than x.
void shoal_geglu_forward_f32(float *restrict y, const float *restrict x, size_t rows, size_t width);
void shoal_geglu_forward_bf16(uint16_t *restrict y, const uint16_t *restrict x, size_t rows, size_t width);

// dx (rows, 2 width) from dy (rows, width); adds the column sums of dx to d_bias (2 width).
void shoal_geglu_backward_f32(float *restrict dx, float *restrict d_bias, const float *restrict dy,
                              const float *restrict x, size_t rows, size_t width);
void shoal_geglu_backward_bf16(uint16_t *restrict dx, float *restrict d_bias, const uint16_t *restrict dy,
                               const uint16_t *restrict x, size_t rows, size_t width);

#endif
