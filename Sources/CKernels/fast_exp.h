// exp for loops that the compiler vectorizes: no branches, no library call, about 1 unit in the last place.
#ifndef SHOAL_FAST_EXP_H
#define SHOAL_FAST_EXP_H

#include <stdint.h>

// e^x, flushed to 0 below -87.3 and clamped above 88. Cody-Waite reduction by ln 2 and a polynomial for e^r on
// |r| <= ln(2)/2 (coefficients as in the Cephes library's expf, Moshier 1992).
static inline float shoal_exp(float x) {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
    const float magic = 12582912.0f;
    float clamped = x < -87.3f ? -87.3f : (x > 88.0f ? 88.0f : x);
    float shifted = clamped * 1.44269504088896341f + magic;
    float n = shifted - magic;
    float r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { float f; int32_t i; } power = {.i = ((int32_t)n + 127) << 23};
    return x < -87.3f ? 0.0f : p * power.f;
}

#endif
