// The distribution function of the normal distribution, for loops that the compiler vectorizes.
#ifndef SHOAL_NORMAL_CDF_H
#define SHOAL_NORMAL_CDF_H

// Phi(x) = (1 + erf(x / sqrt 2)) / 2 with erf by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7), given
// e = exp(-x^2 / 2), which the density phi(x) = e / sqrt(2 pi) needs as well.
static inline float normal_cdf(float x, float e) {
    float z = (x < 0 ? -x : x) * 0.70710678118654752f;
    float t = 1.0f / (1.0f + 0.3275911f * z);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float tail = 0.5f * p * t * e;
    return x < 0 ? tail : 1.0f - tail;
}

#endif
