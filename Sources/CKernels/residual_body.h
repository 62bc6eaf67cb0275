// Included by residual.c once an element type.
SHOAL_CLONES
void NAME(shoal_residual_backward)(ELEMENT *restrict d_a, float *restrict d_bias, const float *restrict dy,
                                   const uint8_t *keep, size_t keep_stride, float keep_scale, size_t rows,
                                   size_t width) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict out = d_a + r * width;
        const float *restrict in = dy + r * width;
        if (keep) {
            const uint8_t *restrict k = keep + r * keep_stride;
            for (size_t c = 0; c < width; c++) {
                float v = k[c] ? in[c] * keep_scale : 0.0f;
                out[c] = STORE(v);
                d_bias[c] += v;
            }
        } else {
            for (size_t c = 0; c < width; c++) {
                out[c] = STORE(in[c]);
                d_bias[c] += in[c];
            }
        }
    }
}
