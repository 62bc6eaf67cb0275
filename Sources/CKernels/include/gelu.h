// The Gaussian error linear unit, x * Phi(x) (Hendrycks, Gimpel 2016), by the error function as BERT has it.
#ifndef SHOAL_GELU_H
#define SHOAL_GELU_H

#include <stddef.h>

// x[r][c] += bias[c]; y = x * Phi(x). x, y: (rows, width); bias: (width). y may be x where no backward pass follows.
void shoal_bias_gelu_forward(float *y, float *x, const float *bias, size_t rows, size_t width);

// dx = dy * (Phi(x) + x * phi(x)), in place of dy; adds the column sums of dx to d_bias (width), which the caller zeroes.
// dy, x: (rows, width), x as left by the forward pass.
void shoal_bias_gelu_backward(float *restrict dy, float *restrict d_bias, const float *restrict x, size_t rows,
                              size_t width);

#endif
