// The Gaussian error linear unit, x * Phi(x) (Hendrycks, Gimpel 2016), by the error function and not approximated.
// The kernels end in the element type of the matrices: f32, or bf16 with all arithmetic in float32.
#ifndef SHOAL_GELU_H
#define SHOAL_GELU_H

#include <stddef.h>
#include <stdint.h>

// y[i] = x[i] * Phi(x[i]), i < count. y may be x where no backward pass follows.
void shoal_gelu_forward_f32(float *y, const float *x, size_t count);
void shoal_gelu_forward_bf16(uint16_t *y, const uint16_t *x, size_t count);

// dx = dy * (Phi(x) + x * phi(x)), in place of dy; adds the column sums of dx to d_bias (width), which the caller
// zeroes. dy, x: (rows, width).
void shoal_gelu_backward_f32(float *restrict dy, float *restrict d_bias, const float *restrict x, size_t rows,
                             size_t width);
void shoal_gelu_backward_bf16(uint16_t *restrict dy, float *restrict d_bias, const uint16_t *restrict x, size_t rows,
                              size_t width);

#endif
