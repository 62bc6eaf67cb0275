#include "attention_softmax.h"
#include "clones.h"
#include "fast_exp.h"

static inline int32_t bits_of(float f) {
    union { float f; int32_t i; } u = {.f = f};
    return u.i;
}

static inline float absolute(float f) {
    union { float f; int32_t i; } u = {.f = f};
    u.i &= 0x7fffffff;
    return u.f;
}

SHOAL_CLONES
void shoal_softmax_forward(float *restrict scores, float *restrict dropped, const uint8_t *restrict keep,
                           size_t keep_stride, float keep_scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *restrict s = scores + r * columns;
        float largest = s[0];
        for (size_t c = 0; c < columns; c++) {
#pragma clang fp reassociate(on)
            largest = s[c] > largest ? s[c] : largest;
        }
        for (size_t c = 0; c < columns; c++) s[c] = shoal_exp(s[c] - largest);
        float sum = 0;
        for (size_t c = 0; c < columns; c++) {
#pragma clang fp reassociate(on)
            sum += s[c];
        }
        float scale = 1.0f / sum;
        if (keep) {
            float *restrict d = dropped + r * columns;
            const uint8_t *restrict k = keep + r * keep_stride;
            for (size_t c = 0; c < columns; c++) {
                float p = s[c] * scale;
                s[c] = k[c] ? p : -p;
                d[c] = k[c] ? p * keep_scale : 0.0f;
            }
        } else {
            for (size_t c = 0; c < columns; c++) s[c] *= scale;
        }
    }
}

SHOAL_CLONES
void shoal_softmax_dropped(float *restrict dropped, const float *restrict signed_p, float keep_scale, size_t count) {
    for (size_t i = 0; i < count; i++) dropped[i] = bits_of(signed_p[i]) < 0 ? 0.0f : signed_p[i] * keep_scale;
}

SHOAL_CLONES
void shoal_softmax_backward(float *restrict d_dropped, const float *restrict signed_p, float keep_scale, size_t rows,
                            size_t columns) {
    for (size_t r = 0; r < rows; r++) {
#pragma clang fp reassociate(on) contract(fast)
        float *restrict d = d_dropped + r * columns;
        const float *restrict p = signed_p + r * columns;
        float dot = 0;
        for (size_t c = 0; c < columns; c++) {
            float dp = bits_of(p[c]) < 0 ? 0.0f : d[c] * keep_scale;
            d[c] = dp;
            dot += dp * absolute(p[c]);
        }
        for (size_t c = 0; c < columns; c++) d[c] = absolute(p[c]) * (d[c] - dot);
    }
}
