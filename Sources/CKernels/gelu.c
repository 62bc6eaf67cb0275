#include "gelu.h"
#include "clones.h"
#include "fast_exp.h"

// Phi(x) = (1 + erf(x / sqrt 2)) / 2 with erf by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7), given
// e = exp(-x^2 / 2), which the density phi(x) = e / sqrt(2 pi) needs as well.
static inline float normal_cdf(float x, float e) {
    float z = (x < 0 ? -x : x) * 0.70710678118654752f;
    float t = 1.0f / (1.0f + 0.3275911f * z);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float tail = 0.5f * p * t * e;
    return x < 0 ? tail : 1.0f - tail;
}

SHOAL_CLONES
void shoal_bias_gelu_forward(float *y, float *x, const float *bias, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        float *in = x + r * width, *out = y + r * width;
#pragma clang loop vectorize(assume_safety)
        for (size_t c = 0; c < width; c++) {
            float v = in[c] + bias[c];
            in[c] = v;
            out[c] = v * normal_cdf(v, shoal_exp(-0.5f * v * v));
        }
    }
}

SHOAL_CLONES
void shoal_bias_gelu_backward(float *restrict dy, float *restrict d_bias, const float *restrict x, size_t rows,
                              size_t width) {
    for (size_t r = 0; r < rows; r++) {
        float *restrict g = dy + r * width;
        const float *restrict in = x + r * width;
        for (size_t c = 0; c < width; c++) {
            float v = in[c];
            float e = shoal_exp(-0.5f * v * v);
            float d = g[c] * (normal_cdf(v, e) + v * 0.39894228040143268f * e);
            g[c] = d;
            d_bias[c] += d;
        }
    }
}
