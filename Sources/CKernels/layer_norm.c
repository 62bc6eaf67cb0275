// LayerNorm, forward and backward: the passes are in layer_norm_body.h, which is included once for each element type.
// include/layer_norm.h says what they compute.
#include "layer_norm.h"
#include "bfloat16.h"
#include "clones.h"

#include <math.h>

// One loop for each set of arguments that are there. Where a loop asked for each float whether there is a mask, the
// compiler made it load from the null pointer under a mask of zeros: right, but some hundred cycles each time.

static inline __attribute__((always_inline)) void add_kept(float *out, const float *in, const float *bias, const uint8_t *keep,
                                                           float scale, const float *residual, size_t width) {
    if (bias && residual) {
        for (size_t c = 0; c < width; c++) out[c] = (keep[c] ? (in[c] + bias[c]) * scale : 0.0f) + residual[c];
    } else if (residual) {
        for (size_t c = 0; c < width; c++) out[c] = (keep[c] ? in[c] * scale : 0.0f) + residual[c];
    } else if (bias) {
        for (size_t c = 0; c < width; c++) out[c] = keep[c] ? (in[c] + bias[c]) * scale : 0.0f;
    } else {
        for (size_t c = 0; c < width; c++) out[c] = keep[c] ? in[c] * scale : 0.0f;
    }
}

static inline __attribute__((always_inline)) void add_all(float *out, const float *in, const float *bias,
                                                          const float *residual, size_t width) {
    if (bias && residual) {
        for (size_t c = 0; c < width; c++) out[c] = in[c] + bias[c] + residual[c];
    } else if (residual) {
        for (size_t c = 0; c < width; c++) out[c] = in[c] + residual[c];
    } else if (bias) {
        for (size_t c = 0; c < width; c++) out[c] = in[c] + bias[c];
    } else if (out != in) {
        for (size_t c = 0; c < width; c++) out[c] = in[c];
    }
}

SHOAL_CLONES
void shoal_layer_norm_forward(float *y, uint16_t *rounded, float *normalized, float *rstd, const float *a, const float *bias,
                              const uint8_t *keep, size_t keep_stride, float keep_scale, const float *residual,
                              const float *gamma, const float *beta, size_t rows, size_t width, float epsilon) {
    for (size_t r = 0; r < rows; r++) {
#pragma clang fp reassociate(on) contract(fast)
        const float *in = a + r * width;
        float *out = y + r * width;
        // The row of sums is written once and stays in the first-level cache.
        if (keep) {
            add_kept(out, in, bias, keep + r * keep_stride, keep_scale, residual ? residual + r * width : NULL, width);
        } else {
            add_all(out, in, bias, residual ? residual + r * width : NULL, width);
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
