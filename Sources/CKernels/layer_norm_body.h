// Included by layer_norm.c once per element type.
SHOAL_CLONES
void NAME(shoal_layer_norm_backward)(float *d_residual, ELEMENT *d_a, float *restrict d_gamma, float *restrict d_beta,
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
        ELEMENT *restrict da = d_a + r * width;
        if (keep) {
            const uint8_t *k = keep + r * keep_stride;
            for (size_t c = 0; c < width; c++) {
                float v = k[c] ? dx[c] * keep_scale : 0.0f;
                da[c] = STORE(v);
                d_bias[c] += v;
            }
        } else {
            for (size_t c = 0; c < width; c++) {
                da[c] = STORE(dx[c]);
                d_bias[c] += dx[c];
            }
        }
    }
}
