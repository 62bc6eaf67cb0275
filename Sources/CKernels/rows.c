#include "rows.h"
#include "clones.h"

SHOAL_CLONES
void shoal_add_bias(float *restrict values, const float *restrict bias, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        float *restrict v = values + r * width;
        for (size_t c = 0; c < width; c++) v[c] += bias[c];
    }
}

#include "element_f32.h"
#include "rows_body.h"

#include "element_bf16.h"
#include "rows_body.h"
