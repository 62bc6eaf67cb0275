// Included by dropout.c once per element type.
SHOAL_CLONES
void NAME(shoal_dropout_copy)(ELEMENT *restrict to, const ELEMENT *restrict from, const uint8_t *restrict keep,
                              size_t rows, size_t width, size_t keep_stride, float scale) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict t = to + r * width;
        const ELEMENT *restrict f = from + r * width;
        const uint8_t *restrict k = keep + r * keep_stride;
        for (size_t c = 0; c < width; c++) t[c] = STORE(k[c] ? LOAD(f[c]) * scale : 0.0f);
    }
}

SHOAL_CLONES
void NAME(shoal_dropout_add)(ELEMENT *restrict to, const float *restrict from, const uint8_t *restrict keep,
                             size_t rows, size_t width, size_t keep_stride, float scale) {
    for (size_t r = 0; r < rows; r++) {
        ELEMENT *restrict t = to + r * width;
        const float *restrict f = from + r * width;
        const uint8_t *restrict k = keep + r * keep_stride;
        for (size_t c = 0; c < width; c++) t[c] = STORE(LOAD(t[c]) + (k[c] ? f[c] * scale : 0.0f));
    }
}
