// The softmax of attention with dropout on the probabilities, and its backward pass.
#ifndef SHOAL_ATTENTION_SOFTMAX_H
#define SHOAL_ATTENTION_SOFTMAX_H

#include <stddef.h>
#include <stdint.h>

// A row at a time: p = softmax(scores). `scores` (rows, columns) becomes p, with the sign bit set where dropout drops the
// element: that is all that the backward pass needs. `dropped` (rows, columns) gets p * keep_scale where kept, else 0;
// it may be NULL where there is no dropout (then `keep` is NULL and p itself is what multiplies the values).
// `keep`: a byte an element in rows of `keep_stride`.
void shoal_softmax_forward(float *restrict scores, float *restrict dropped, const uint8_t *restrict keep,
                           size_t keep_stride, float keep_scale, size_t rows, size_t columns);

// dropped = what the forward pass multiplied the values with, from the signed probabilities.
void shoal_softmax_dropped(float *restrict dropped, const float *restrict signed_p, float keep_scale, size_t count);

// In place of d_dropped (rows, columns), the gradient of the dropped probabilities, the gradient of the scores:
// dp = keep ? d_dropped * keep_scale : 0; ds = p * (dp - sum(p * dp)).
void shoal_softmax_backward(float *restrict d_dropped, const float *restrict signed_p, float keep_scale, size_t rows,
                            size_t columns);

#endif
