// Sums over gradients. The bits of these do not depend on the instruction set: no fused multiply-add, no reordering,
// fixed lanes. Replicas on different CPUs must never drift apart.
#ifndef SHOAL_REDUCTION_H
#define SHOAL_REDUCTION_H

#include <stddef.h>

// to[i] += from[i], i < count.
void shoal_add(float *restrict to, const float *restrict from, size_t count);

// to[i] = left[i] + right[i], i < count.
void shoal_sum(float *restrict to, const float *restrict left, const float *restrict right, size_t count);

// The sum of squares of `count` floats in double precision, over 16 interleaved lanes that are added in lane order.
double shoal_sum_of_squares(const float *values, size_t count);

#endif
