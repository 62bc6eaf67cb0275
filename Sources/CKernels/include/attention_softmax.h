// The softmax of attention with dropout on the probabilities, and its backward pass.
// The kernels end in the element type of the matrices: f32, or bf16 with all arithmetic in float32.
#ifndef SHOAL_ATTENTION_SOFTMAX_H
#define SHOAL_ATTENTION_SOFTMAX_H

#include <stddef.h>
#include <stdint.h>

// A row at a time: p = softmax(scores * score_scale), score_scale > 0. `p` (rows, columns) has the sign bit set where
// dropout drops the element: that is all that the backward pass needs. `scores` (rows, columns) is scratch afterwards;
// p may be the same memory. `dropped` (rows, columns) gets p * keep_scale where kept, else 0; it may be NULL where
// there is no dropout (then `keep` is NULL and p itself is what multiplies the values). `keep`: a byte an element in
// rows of `keep_stride`.
void shoal_softmax_forward_f32(float *p, float *scores, float *restrict dropped, const uint8_t *restrict keep,
                               size_t keep_stride, float keep_scale, float score_scale, size_t rows, size_t columns);
void shoal_softmax_forward_bf16(uint16_t *p, float *scores, uint16_t *restrict dropped, const uint8_t *restrict keep,
                                size_t keep_stride, float keep_scale, float score_scale, size_t rows, size_t columns);

// dropped = what the forward pass multiplied the values with, from the signed probabilities.
void shoal_softmax_dropped_f32(float *restrict dropped, const float *restrict signed_p, float keep_scale, size_t count);
void shoal_softmax_dropped_bf16(uint16_t *restrict dropped, const uint16_t *restrict signed_p, float keep_scale,
                                size_t count);

// From d_dropped (rows, columns), the gradient of the dropped probabilities, which is scratch afterwards, the gradient
// of the unscaled scores: dp = keep ? d_dropped * keep_scale : 0; ds = p * (dp - sum(p * dp)) * score_scale. ds may be
// d_dropped.
void shoal_softmax_backward_f32(float *ds, float *d_dropped, const float *restrict signed_p, float keep_scale,
                                float score_scale, size_t rows, size_t columns);
void shoal_softmax_backward_bf16(uint16_t *ds, float *d_dropped, const uint16_t *restrict signed_p, float keep_scale,
                                 float score_scale, size_t rows, size_t columns);

#endif
