// Included by rows.c once per element type.
SHOAL_CLONES
void NAME(shoal_column_sums)(float *restrict sums, const ELEMENT *restrict values, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        const ELEMENT *restrict v = values + r * width;
        for (size_t c = 0; c < width; c++) sums[c] += LOAD(v[c]);
    }
}
