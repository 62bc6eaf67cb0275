// Softmax regression in double precision: what its solver computes between matrix products, on vectors of n numbers
// and on rows of classes.
#ifndef SHOAL_SOFTMAX_REGRESSION_H
#define SHOAL_SOFTMAX_REGRESSION_H

#include <stddef.h>

// For each row, with p the softmax of logits + bias, t the row's targets and w their sum: logits become
// strength (w p - t), which is also added to bias_gradient. Returns -strength times the sum of t log p.
//
// logits, targets: (rows, classes). row_weights: (rows), w. bias, bias_gradient, terms: (classes); terms is scratch
// memory. None may overlap.
double shoal_softmax_residuals(float *restrict logits, const double *restrict bias, const double *restrict targets,
                               const double *restrict row_weights, double strength, double *restrict bias_gradient,
                               double *restrict terms, size_t rows, size_t classes);

// gradient = loss_gradient + point - mean; returns the sum of the squares of point - mean. A mean that is NULL is 0.
double shoal_ridge_gradient(const double *restrict point, const float *restrict mean,
                            const float *restrict loss_gradient, double *restrict gradient, size_t n);

// The sum of a[i] b[i], in lanes of a fixed number. a and b may be the same.
double shoal_dot_double(const double *a, const double *b, size_t n);

// y += factor x.
void shoal_add_scaled_double(double *restrict y, double factor, const double *restrict x, size_t n);

// to = from, rounded to float32.
void shoal_narrow_double(float *restrict to, const double *restrict from, size_t n);

#endif
