// Sums of scaled rows in double precision. The bits do not depend on the instruction set.
#ifndef SHOAL_ADD_SCALED_H
#define SHOAL_ADD_SCALED_H

#include <stddef.h>

// sum[i] += row[i] * factor, of `count` numbers that do not overlap.
void shoal_add_scaled(double *restrict sum, const float *restrict row, double factor, size_t count);

#endif
