#include "layer_norm.h"
#include "bfloat16.h"
#include "clones.h"

#include <math.h>

SHOAL_CLONES
void shoal_layer_norm_forward(float *y, uint16_t *rounded, float *normalized, float *rstd, const float *a, const float *bias,
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
        if (rounded) {
            uint16_t *restrict half = rounded + r * width;
            for (size_t c = 0; c < width; c++) half[c] = shoal_bf16_of_float(out[c]);
        }
    }
}

#include "element_f32.h"
#include "layer_norm_body.h"

#include "element_bf16.h"
#include "layer_norm_body.h"
