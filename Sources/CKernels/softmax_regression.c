#include "softmax_regression.h"
#include "clones.h"
#include <math.h>
#include <stdint.h>

#define LANES 16

// e^x for x <= 0, and 0 below -708, with an error of about 1 unit in the last place: Cody-Waite reduction by ln 2 and
// the Taylor polynomial of e^r on |r| <= ln(2) / 2, without branches, for loops that the compiler vectorizes.
static inline double exp_negative(double x) {
    // Adding 1.5 * 2^52 rounds to the nearest integer, which then stands in the lowest bits.
    const double magic = 6755399441055744.0;
    double clamped = x < -708.0 ? -708.0 : x;
    union { double f; uint64_t i; } shifted = {.f = clamped * 1.4426950408889634074 + magic};
    double n = shifted.f - magic;
    double r = (clamped - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6;
    double p = 1.6059043836821614599e-10;
    p = p * r + 2.0876756987868098979e-9;
    p = p * r + 2.5052108385441718775e-8;
    p = p * r + 2.7557319223985890653e-7;
    p = p * r + 2.7557319223985890653e-6;
    p = p * r + 2.4801587301587301587e-5;
    p = p * r + 1.9841269841269841270e-4;
    p = p * r + 1.3888888888888888889e-3;
    p = p * r + 8.3333333333333333333e-3;
    p = p * r + 4.1666666666666666667e-2;
    p = p * r + 1.6666666666666666667e-1;
    p = p * r + 5.0e-1;
    p = p * r * r + r + 1.0;
    union { uint64_t i; double f; } power = {.i = (shifted.i + 1023) << 52};
    return x < -708.0 ? 0.0 : p * power.f;
}

SHOAL_CLONES
double shoal_softmax_residuals(float *restrict logits, const double *restrict bias, const double *restrict targets,
                               const double *restrict row_weights, double strength, double *restrict bias_gradient,
                               double *restrict terms, size_t rows, size_t classes) {
    double value = 0;
    for (size_t row = 0; row < rows; row++) {
        float *restrict l = logits + row * classes;
        const double *restrict t = targets + row * classes;
        double largest = -INFINITY;
        for (size_t c = 0; c < classes; c++) {
            terms[c] = l[c] + bias[c];
            largest = terms[c] > largest ? terms[c] : largest;
        }
        // The targets' share of the value: most of them are 0.
        for (size_t c = 0; c < classes; c++) {
            if (t[c] != 0) value -= strength * t[c] * (terms[c] - largest);
        }
        for (size_t c = 0; c < classes; c++) terms[c] = exp_negative(terms[c] - largest);
        double lanes[LANES] = {0};
        size_t c = 0;
        for (; c + LANES <= classes; c += LANES) {
            for (int i = 0; i < LANES; i++) lanes[i] += terms[c + i];
        }
        for (int i = 0; c < classes; c++, i++) lanes[i] += terms[c];
        double sum = 0;
        for (int i = 0; i < LANES; i++) sum += lanes[i];
        value += strength * row_weights[row] * log(sum);
        double share = row_weights[row] / sum;
        for (size_t c = 0; c < classes; c++) {
            double d = strength * (share * terms[c] - t[c]);
            bias_gradient[c] += d;
            l[c] = (float)d;
        }
    }
    return value;
}

SHOAL_CLONES
double shoal_ridge_gradient(const double *restrict point, const float *restrict mean,
                            const float *restrict loss_gradient, double *restrict gradient, size_t n) {
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            double d = point[i + lane] - (mean ? (double)mean[i + lane] : 0);
            lanes[lane] += d * d;
            gradient[i + lane] = loss_gradient[i + lane] + d;
        }
    }
    for (int lane = 0; i < n; i++, lane++) {
        double d = point[i] - (mean ? (double)mean[i] : 0);
        lanes[lane] += d * d;
        gradient[i] = loss_gradient[i] + d;
    }
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
    return sum;
}

SHOAL_CLONES
double shoal_dot_double(const double *a, const double *b, size_t n) {
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) lanes[lane] += a[i + lane] * b[i + lane];
    }
    for (int lane = 0; i < n; i++, lane++) lanes[lane] += a[i] * b[i];
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
    return sum;
}

SHOAL_CLONES
void shoal_add_scaled_double(double *restrict y, double factor, const double *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += factor * x[i];
}

SHOAL_CLONES
void shoal_narrow_double(float *restrict to, const double *restrict from, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}
