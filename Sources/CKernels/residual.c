#include "residual.h"
#include "clones.h"

SHOAL_CLONES
void shoal_residual_forward(float *y, const float *restrict a, const float *restrict bias, const uint8_t *keep,
                            size_t keep_stride, float keep_scale, const float *residual, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        float *out = y + r * width;
        const float *restrict in = a + r * width;
        const float *from = residual + r * width;
        // One loop for each set of arguments that are there, as in layer_norm.c.
        if (keep && bias) {
            const uint8_t *k = keep + r * keep_stride;
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < width; c++) out[c] = (k[c] ? (in[c] + bias[c]) * keep_scale : 0.0f) + from[c];
        } else if (keep) {
            const uint8_t *k = keep + r * keep_stride;
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < width; c++) out[c] = (k[c] ? in[c] * keep_scale : 0.0f) + from[c];
        } else if (bias) {
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < width; c++) out[c] = in[c] + bias[c] + from[c];
        } else {
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < width; c++) out[c] = in[c] + from[c];
        }
    }
}

#include "element_f32.h"
#include "residual_body.h"

#include "element_bf16.h"
#include "residual_body.h"
