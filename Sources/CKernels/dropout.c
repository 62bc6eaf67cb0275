#include "dropout.h"
#include "clones.h"

#define LANES 16

SHOAL_CLONES
void shoal_dropout_keep(uint8_t *keep, size_t blocks, uint32_t first_block, uint32_t counter1, uint32_t counter2,
                        uint32_t counter3, uint32_t key0, uint32_t key1, uint32_t threshold) {
    for (size_t start = 0; start < blocks; start += LANES) {
        uint64_t c0[LANES], c1[LANES], c2[LANES], c3[LANES], packed[LANES];
        for (int i = 0; i < LANES; i++) {
            c0[i] = (uint32_t)(first_block + start + i);
            c1[i] = counter1;
            c2[i] = counter2;
            c3[i] = counter3;
        }
        uint32_t k0 = key0, k1 = key1;
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < LANES; i++) {
                uint64_t first = (uint64_t)0xD2511F53u * (uint32_t)c0[i];
                uint64_t second = (uint64_t)0xCD9E8D57u * (uint32_t)c2[i];
                uint64_t n0 = (second >> 32) ^ c1[i] ^ k0;
                uint64_t n2 = (first >> 32) ^ c3[i] ^ k1;
                c0[i] = n0;
                c1[i] = (uint32_t)second;
                c2[i] = n2;
                c3[i] = (uint32_t)first;
            }
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        for (int i = 0; i < LANES; i++) {
            uint64_t t = threshold;
            packed[i] = (uint64_t)((c0[i] & 0xffff) >= t) | (uint64_t)((c0[i] >> 16) >= t) << 8 |
                        (uint64_t)((c1[i] & 0xffff) >= t) << 16 | (uint64_t)((c1[i] >> 16) >= t) << 24 |
                        (uint64_t)((c2[i] & 0xffff) >= t) << 32 | (uint64_t)((c2[i] >> 16) >= t) << 40 |
                        (uint64_t)((c3[i] & 0xffff) >= t) << 48 | (uint64_t)((c3[i] >> 16) >= t) << 56;
        }
        size_t count = blocks - start < LANES ? blocks - start : LANES;
        __builtin_memcpy(keep + 8 * start, packed, 8 * count);
    }
}

SHOAL_CLONES
void shoal_dropout_apply(float *restrict values, const uint8_t *restrict keep, size_t rows, size_t width,
                         size_t keep_stride, float scale) {
    for (size_t r = 0; r < rows; r++) {
        float *v = values + r * width;
        const uint8_t *k = keep + r * keep_stride;
        for (size_t c = 0; c < width; c++) v[c] = k[c] ? v[c] * scale : 0.0f;
    }
}

#include "element_f32.h"
#include "dropout_body.h"

#include "element_bf16.h"
#include "dropout_body.h"
