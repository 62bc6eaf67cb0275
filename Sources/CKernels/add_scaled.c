#include "add_scaled.h"

#include "clones.h"

SHOAL_CLONES
void shoal_add_scaled(double *restrict sum, const float *restrict row, double factor, size_t count) {
    for (size_t i = 0; i < count; i++) sum[i] += (double)row[i] * factor;
}
