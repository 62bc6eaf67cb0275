// Included by activation.c once an element type.
SHOAL_CLONES
void NAME(shoal_relu_forward)(ELEMENT *y, const ELEMENT *x, size_t count) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) {
        float v = LOAD(x[i]);
        y[i] = STORE(v > 0 ? v : 0.0f);
    }
}

SHOAL_CLONES
void NAME(shoal_relu_backward)(ELEMENT *restrict dy, float *restrict d_bias, const ELEMENT *restrict x, size_t rows,
                               size_t width) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict g = dy + r * width;
        const ELEMENT *restrict in = x + r * width;
        for (size_t c = 0; c < width; c++) {
            float d = LOAD(in[c]) > 0 ? LOAD(g[c]) : 0.0f;
            g[c] = STORE(d);
            d_bias[c] += d;
        }
    }
}

SHOAL_CLONES
void NAME(shoal_gelu_tanh_forward)(ELEMENT *y, const ELEMENT *x, size_t count) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) {
        float v = LOAD(x[i]);
        y[i] = STORE(v * half_tanh(tanh_argument(v)));
    }
}

SHOAL_CLONES
void NAME(shoal_gelu_tanh_backward)(ELEMENT *restrict dy, float *restrict d_bias, const ELEMENT *restrict x,
                                    size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict g = dy + r * width;
        const ELEMENT *restrict in = x + r * width;
        for (size_t c = 0; c < width; c++) {
            float v = LOAD(in[c]);
            float s = half_tanh(tanh_argument(v));
            float d = LOAD(g[c]) * (s + 2.0f * v * s * (1.0f - s) * tanh_argument_slope(v));
            g[c] = STORE(d);
            d_bias[c] += d;
        }
    }
}

SHOAL_CLONES
void NAME(shoal_geglu_forward)(ELEMENT *restrict y, const ELEMENT *restrict x, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict out = y + r * width;
        const ELEMENT *restrict in = x + 2 * r * width;
        for (size_t c = 0; c < width; c++) {
            float v = LOAD(in[c]);
            out[c] = STORE(v * normal_cdf(v, shoal_exp(-0.5f * v * v)) * LOAD(in[width + c]));
        }
    }
}

SHOAL_CLONES
void NAME(shoal_geglu_backward)(ELEMENT *restrict dx, float *restrict d_bias, const ELEMENT *restrict dy,
                                const ELEMENT *restrict x, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict g = dx + 2 * r * width;
        const ELEMENT *restrict d = dy + r * width;
        const ELEMENT *restrict in = x + 2 * r * width;
        for (size_t c = 0; c < width; c++) {
            float v = LOAD(in[c]);
            float e = shoal_exp(-0.5f * v * v);
            float cdf = normal_cdf(v, e);
            float da = LOAD(d[c]) * LOAD(in[width + c]) * (cdf + v * 0.39894228040143268f * e);
            float dg = LOAD(d[c]) * v * cdf;
            g[c] = STORE(da);
            g[width + c] = STORE(dg);
            d_bias[c] += da;
            d_bias[width + c] += dg;
        }
    }
}
