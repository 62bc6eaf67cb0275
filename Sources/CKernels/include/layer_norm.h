// Layer normalization (Ba, Kiros, Hinton 2016) fused with what stands around it in a post-norm transformer.
#ifndef SHOAL_LAYER_NORM_H
#define SHOAL_LAYER_NORM_H

#include <stddef.h>
#include <stdint.h>

// x = dropout(a + bias) + residual; normalized = (x - mean) * rstd; y = normalized * gamma + beta, a row at a time.
//
// a, residual, y, normalized: (rows, width); bias, gamma, beta: (width); rstd: (rows). `keep` holds a byte an element
// in rows of `keep_stride`, or is NULL for no dropout; kept elements are multiplied by `keep_scale`. bias and residual
// may be NULL; so may normalized and rstd, where no backward pass follows. y may be a. Unless NULL, `rounded` gets y in
// bfloat16.
void shoal_layer_norm_forward(float *y, uint16_t *rounded, float *normalized, float *rstd, const float *a, const float *bias,
                              const uint8_t *keep, size_t keep_stride, float keep_scale, const float *residual,
                              const float *gamma, const float *beta, size_t rows, size_t width, float epsilon);

// The backward pass of the above; the name ends in the element type of d_a. From dy (rows, width): d_residual = dx
// (rows, width); d_a = dx through the dropout (rows, width), may be NULL where there is neither dropout nor bias; adds
// to d_gamma, d_beta and, with d_a, d_bias (width), which the caller zeroes. d_residual may be dy.
void shoal_layer_norm_backward_f32(float *d_residual, float *d_a, float *restrict d_gamma, float *restrict d_beta,
                                   float *restrict d_bias, const float *dy, const float *normalized, const float *rstd,
                                   const uint8_t *keep, size_t keep_stride, float keep_scale, const float *gamma,
                                   size_t rows, size_t width);
void shoal_layer_norm_backward_bf16(float *d_residual, uint16_t *d_a, float *restrict d_gamma, float *restrict d_beta,
                                    float *restrict d_bias, const float *dy, const float *normalized,
                                    const float *rstd, const uint8_t *keep, size_t keep_stride, float keep_scale,
                                    const float *gamma, size_t rows, size_t width);

#endif
