#include "reduction.h"
#include "clones.h"

#pragma STDC FP_CONTRACT OFF

SHOAL_CLONES
void shoal_add(float *restrict to, const float *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

SHOAL_CLONES
void shoal_sum(float *restrict to, const float *restrict left, const float *restrict right, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = left[i] + right[i];
}

SHOAL_CLONES
double shoal_sum_of_squares(const float *values, size_t count) {
    double lanes[16] = {0};
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        for (size_t lane = 0; lane < 16; lane++) {
            double v = values[i + lane];
            lanes[lane] += v * v;
        }
    }
    for (size_t lane = 0; i < count; i++, lane++) {
        double v = values[i];
        lanes[lane] += v * v;
    }
    double sum = 0;
    for (size_t lane = 0; lane < 16; lane++) sum += lanes[lane];
    return sum;
}
