// Included by gelu.c once per element type.
SHOAL_CLONES
void NAME(shoal_gelu_forward)(ELEMENT *y, const ELEMENT *x, size_t count) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) {
        float v = LOAD(x[i]);
        y[i] = STORE(v * normal_cdf(v, shoal_exp(-0.5f * v * v)));
    }
}

SHOAL_CLONES
void NAME(shoal_gelu_backward)(ELEMENT *restrict dy, float *restrict d_bias, const ELEMENT *restrict x, size_t rows,
                               size_t width) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict g = dy + r * width;
        const ELEMENT *restrict in = x + r * width;
        for (size_t c = 0; c < width; c++) {
            float v = LOAD(in[c]);
            float e = shoal_exp(-0.5f * v * v);
            float d = LOAD(g[c]) * (normal_cdf(v, e) + v * 0.39894228040143268f * e);
            g[c] = STORE(d);
            d_bias[c] += d;
        }
    }
}
