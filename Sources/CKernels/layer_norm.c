#include "layer_norm.h"
#include "clones.h"

#include <math.h>

SHOAL_CLONES
void shoal_layer_norm_forward(float *y, float *normalized, float *rstd, const float *a, const float *bias,
                              const uint8_t *keep, size_t keep_stride, float keep_scale, const float *residual,
                              const float *gamma, const float *beta, size_t rows, size_t width, float epsilon) {
    for (size_t r = 0; r < rows; r++) {
#pragma clang fp reassociate(on) contract(fast)
        const float *in = a + r * width;
        float *out = y + r * width;
        // The row of sums is written once and stays in the first-level cache.
        if (bias && keep && residual) {
            const uint8_t *k = keep + r * keep_stride;
            const float *res = residual + r * width;
            for (size_t c = 0; c < width; c++) {
                float v = k[c] ? (in[c] + bias[c]) * keep_scale : 0.0f;
                out[c] = v + res[c];
            }
        } else {
            for (size_t c = 0; c < width; c++) {
                float v = bias ? in[c] + bias[c] : in[c];
                if (keep) v = keep[r * keep_stride + c] ? v * keep_scale : 0.0f;
                out[c] = residual ? v + residual[r * width + c] : v;
            }
        }
        float sum = 0;
        for (size_t c = 0; c < width; c++) sum += out[c];
        float mean = sum / (float)width;
        float squares = 0;
        for (size_t c = 0; c < width; c++) {
            float d = out[c] - mean;
            squares += d * d;
        }
        float scale = 1.0f / sqrtf(squares / (float)width + epsilon);
        if (normalized) {
            float *restrict n = normalized + r * width;
            for (size_t c = 0; c < width; c++) {
                float v = (out[c] - mean) * scale;
                n[c] = v;
                out[c] = v * gamma[c] + beta[c];
            }
            rstd[r] = scale;
        } else {
            for (size_t c = 0; c < width; c++) out[c] = (out[c] - mean) * scale * gamma[c] + beta[c];
        }
    }
}

SHOAL_CLONES
void shoal_layer_norm_backward(float *d_residual, float *d_a, float *restrict d_gamma, float *restrict d_beta,
                               float *restrict d_bias, const float *dy, const float *normalized, const float *rstd,
                               const uint8_t *keep, size_t keep_stride, float keep_scale, const float *gamma,
                               size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
#pragma clang fp reassociate(on) contract(fast)
        const float *g = dy + r * width;
        const float *n = normalized + r * width;
        float *dx = d_residual + r * width;
        float sum = 0, dot = 0;
        for (size_t c = 0; c < width; c++) {
            float scaled = g[c] * gamma[c];
            sum += scaled;
            dot += scaled * n[c];
            d_gamma[c] += g[c] * n[c];
            d_beta[c] += g[c];
        }
        float mean = sum / (float)width, projection = dot / (float)width, scale = rstd[r];
        for (size_t c = 0; c < width; c++) dx[c] = scale * (g[c] * gamma[c] - mean - n[c] * projection);
        if (!d_a) continue;
        float *restrict da = d_a + r * width;
        if (keep) {
            const uint8_t *k = keep + r * keep_stride;
            for (size_t c = 0; c < width; c++) da[c] = k[c] ? dx[c] * keep_scale : 0.0f;
        } else {
            for (size_t c = 0; c < width; c++) da[c] = dx[c];
        }
        if (d_bias) {
            for (size_t c = 0; c < width; c++) d_bias[c] += da[c];
        }
    }
}
