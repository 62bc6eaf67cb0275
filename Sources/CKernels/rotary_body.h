// Included by rotary.c once an element type.
SHOAL_CLONES
void NAME(shoal_rotate)(ELEMENT *values, size_t stride, const int32_t *positions, const float *cosines,
                        const float *sines, float direction, size_t rows, size_t heads, size_t size) {
    size_t half = size / 2;
    for (size_t r = 0; r < rows; r++) {
        const float *restrict cosine = cosines + (size_t)positions[r] * half;
        const float *restrict sine = sines + (size_t)positions[r] * half;
        for (size_t h = 0; h < heads; h++) {
            ELEMENT *restrict x = values + r * stride + h * size;
            ELEMENT *restrict y = x + half;
#pragma clang loop vectorize(assume_safety)
            for (size_t i = 0; i < half; i++) {
                float a = LOAD(x[i]), b = LOAD(y[i]), s = sine[i] * direction;
                x[i] = STORE(a * cosine[i] - b * s);
                y[i] = STORE(b * cosine[i] + a * s);
            }
        }
    }
}
