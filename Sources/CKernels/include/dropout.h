// Dropout masks from the counter-based generator Philox4x32-10 (Salmon et al., SC 2011).
#ifndef SHOAL_DROPOUT_H
#define SHOAL_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

// Writes 8 bytes a block, 1 for an element that is kept and 0 for one that is dropped, for the counters
// (first_block + i, counter1, counter2, counter3), i < blocks, under the key (key0, key1). Each block gives eight
// 16-bit numbers, low half of a word first; an element is dropped where its number is below `threshold`, so with
// probability threshold / 65536.
void shoal_dropout_keep(uint8_t *keep, size_t blocks, uint32_t first_block, uint32_t counter1, uint32_t counter2,
                        uint32_t counter3, uint32_t key0, uint32_t key1, uint32_t threshold);

// values[r][c] = keep[r][c] ? values[r][c] * scale : 0, for rows of `width` floats and keep rows of `keep_stride`
// bytes.
void shoal_dropout_apply(float *restrict values, const uint8_t *restrict keep, size_t rows, size_t width,
                         size_t keep_stride, float scale);

// to[r][c] = keep[r][c] ? from[r][c] * scale : 0, for rows of `width` elements and keep rows of `keep_stride` bytes;
// the name ends in the element type.
void shoal_dropout_copy_f32(float *restrict to, const float *restrict from, const uint8_t *restrict keep, size_t rows,
                            size_t width, size_t keep_stride, float scale);
void shoal_dropout_copy_bf16(uint16_t *restrict to, const uint16_t *restrict from, const uint8_t *restrict keep,
                             size_t rows, size_t width, size_t keep_stride, float scale);

// to[r][c] += keep[r][c] ? from[r][c] * scale : 0, likewise; the name ends in the element type of `to`.
void shoal_dropout_add_f32(float *restrict to, const float *restrict from, const uint8_t *restrict keep, size_t rows,
                           size_t width, size_t keep_stride, float scale);
void shoal_dropout_add_bf16(uint16_t *restrict to, const float *restrict from, const uint8_t *restrict keep,
                            size_t rows, size_t width, size_t keep_stride, float scale);

#endif
