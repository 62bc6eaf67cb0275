// Included by attention_softmax.c once per element type.
SHOAL_CLONES
void NAME(shoal_softmax_forward)(ELEMENT *p, float *scores, ELEMENT *restrict dropped, const uint8_t *restrict keep,
                                 size_t keep_stride, float keep_scale, float score_scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *s = scores + r * columns;
        ELEMENT *out = p + r * columns;
        float largest = maximum(s, columns);
        for (size_t c = 0; c < columns; c++) s[c] = shoal_exp((s[c] - largest) * score_scale);
        float sum = 0;
        for (size_t c = 0; c < columns; c++) {
#pragma clang fp reassociate(on)
            sum += s[c];
        }
        float scale = 1.0f / sum;
        if (keep) {
            ELEMENT *restrict d = dropped + r * columns;
            const uint8_t *restrict k = keep + r * keep_stride;
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < columns; c++) {
                float v = s[c] * scale;
                out[c] = STORE(k[c] ? v : -v);
                d[c] = STORE(k[c] ? v * keep_scale : 0.0f);
            }
        } else {
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < columns; c++) out[c] = STORE(s[c] * scale);
        }
    }
}

SHOAL_CLONES
void NAME(shoal_softmax_dropped)(ELEMENT *restrict dropped, const ELEMENT *restrict signed_p, float keep_scale,
                                 size_t count) {
    for (size_t i = 0; i < count; i++) {
        float v = LOAD(signed_p[i]);
        dropped[i] = STORE(bits_of(v) < 0 ? 0.0f : v * keep_scale);
    }
}

SHOAL_CLONES
void NAME(shoal_softmax_backward)(ELEMENT *ds, float *d_dropped, const ELEMENT *restrict signed_p, float keep_scale,
                                  float score_scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
#pragma clang fp reassociate(on) contract(fast)
        float *d = d_dropped + r * columns;
        ELEMENT *out = ds + r * columns;
        const ELEMENT *restrict p = signed_p + r * columns;
        float dot = 0;
#pragma clang loop vectorize(assume_safety)
        for (size_t c = 0; c < columns; c++) {
            float v = LOAD(p[c]);
            float dp = bits_of(v) < 0 ? 0.0f : d[c] * keep_scale;
            d[c] = dp;
            dot += dp * absolute(v);
        }
#pragma clang loop vectorize(assume_safety)
        for (size_t c = 0; c < columns; c++) out[c] = STORE(absolute(LOAD(p[c])) * (d[c] - dot) * score_scale);
    }
}
