// Sums of embedding rows, and the scatter of their gradients.
#ifndef SHOAL_EMBEDDING_H
#define SHOAL_EMBEDDING_H

#include <stddef.h>
#include <stdint.h>

// out[t] = words[token_ids[t]] + positions[position_ids[t]] + types[type_ids[t]]; rows of `width` floats.
// Where `positions` or `types` is NULL that is left out, and its ids are not read.
void shoal_embedding_forward(float *restrict out, const float *restrict words, const float *restrict positions,
                             const float *restrict types, const int32_t *restrict token_ids,
                             const int32_t *restrict position_ids, const int32_t *restrict type_ids, size_t tokens,
                             size_t width);

// table[rows[t]] += gradient[t], t < tokens, in the order of t.
void shoal_scatter_add(float *restrict table, const float *restrict gradient, const int32_t *restrict rows,
                       size_t tokens, size_t width);

#endif
