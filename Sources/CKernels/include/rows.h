// Small loops over the rows of a matrix.
#ifndef SHOAL_ROWS_H
#define SHOAL_ROWS_H

#include <stddef.h>
#include <stdint.h>

// values[r][c] += bias[c]; values: (rows, width).
void shoal_add_bias(float *restrict values, const float *restrict bias, size_t rows, size_t width);

// sums[c] += values[0][c] + values[1][c] + …, in the order of the rows; values: (rows, width).
void shoal_column_sums_f32(float *restrict sums, const float *restrict values, size_t rows, size_t width);
void shoal_column_sums_bf16(float *restrict sums, const uint16_t *restrict values, size_t rows, size_t width);

#endif
