#include "embedding.h"
#include "clones.h"

SHOAL_CLONES
void shoal_embedding_forward(float *restrict out, const float *restrict words, const float *restrict positions,
                             const float *restrict types, const int32_t *restrict token_ids,
                             const int32_t *restrict position_ids, const int32_t *restrict type_ids, size_t tokens,
                             size_t width) {
    for (size_t t = 0; t < tokens; t++) {
        float *restrict o = out + t * width;
        const float *restrict w = words + (size_t)token_ids[t] * width;
        if (!positions) {
            const float *restrict y = types ? types + (size_t)type_ids[t] * width : NULL;
            for (size_t c = 0; c < width; c++) o[c] = y ? w[c] + y[c] : w[c];
            continue;
        }
        const float *restrict p = positions + (size_t)position_ids[t] * width;
        if (!types) {
            for (size_t c = 0; c < width; c++) o[c] = w[c] + p[c];
            continue;
        }
        const float *restrict y = types + (size_t)type_ids[t] * width;
        for (size_t c = 0; c < width; c++) o[c] = w[c] + y[c] + p[c];
    }
}

SHOAL_CLONES
void shoal_scatter_add(float *restrict table, const float *restrict gradient, const int32_t *restrict rows,
                       size_t tokens, size_t width) {
    for (size_t t = 0; t < tokens; t++) {
        float *restrict to = table + (size_t)rows[t] * width;
        const float *restrict from = gradient + t * width;
        for (size_t c = 0; c < width; c++) to[c] += from[c];
    }
}
