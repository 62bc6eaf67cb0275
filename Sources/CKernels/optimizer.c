#include "optimizer.h"
#include "clones.h"

#include <float.h>
#include <math.h>

#pragma STDC FP_CONTRACT OFF

// sqrtf may set errno, which keeps a loop scalar; this one is the same correctly rounded root without that.
#if defined(__has_builtin) && __has_builtin(__builtin_elementwise_sqrt)
#define SQUARE_ROOT(x) __builtin_elementwise_sqrt(x)
#else
#define SQUARE_ROOT(x) sqrtf(x)
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE float flushed(float x) { return __builtin_fabsf(x) < FLT_MIN ? 0.0f : x; }

// One AdamW step of one parameter. `s` is a copy, so that the compiler need not fear that the stores change it.
INLINE void adamw_one(float *restrict weight, float *restrict first, float *restrict second, float g,
                      const struct shoal_adamw_step s) {
    float p = *weight * s.decay;
    // torch.lerp changes its formula at one half, so that a weight of 1 gives `g` exactly.
    float difference = g - *first;
    float m = s.beta1_rest < 0.5f ? *first + s.beta1_rest * difference : g - difference * (1.0f - s.beta1_rest);
    float v = *second * s.beta2 + s.beta2_rest * g * g;
    float denominator = SQUARE_ROOT(v) / s.sqrt_bias2 + s.epsilon;
    *weight = p - s.step_size * m / denominator;
    *first = flushed(m);
    *second = flushed(v);
}

SHOAL_CLONES
void shoal_adamw(float *restrict weights, float *restrict first, float *restrict second,
                 const float *restrict gradient, size_t count, const struct shoal_adamw_step *step) {
    const struct shoal_adamw_step s = *step;
    if (gradient) {
        for (size_t i = 0; i < count; i++)
            adamw_one(weights + i, first + i, second + i, gradient[i] * s.gradient_scale, s);
    } else {
        for (size_t i = 0; i < count; i++) adamw_one(weights + i, first + i, second + i, 0.0f, s);
    }
}

// One SGD step of one parameter with momentum.
INLINE void momentum_one(float *restrict weight, float *restrict velocity, float g, const struct shoal_sgd_step s) {
    float d = g + s.weight_decay * *weight;
    float u = flushed(*velocity * s.momentum + d);
    *velocity = u;
    *weight -= s.learning_rate * (s.nesterov ? d + s.momentum * u : u);
}

SHOAL_CLONES
void shoal_sgd(float *restrict weights, float *restrict velocity, const float *restrict gradient, size_t count,
               const struct shoal_sgd_step *step) {
    const struct shoal_sgd_step s = *step;
    if (velocity && gradient) {
        for (size_t i = 0; i < count; i++) momentum_one(weights + i, velocity + i, gradient[i] * s.gradient_scale, s);
    } else if (velocity) {
        for (size_t i = 0; i < count; i++) momentum_one(weights + i, velocity + i, 0.0f, s);
    } else if (gradient) {
        for (size_t i = 0; i < count; i++)
            weights[i] -= s.learning_rate * (gradient[i] * s.gradient_scale + s.weight_decay * weights[i]);
    } else {
        for (size_t i = 0; i < count; i++) weights[i] -= s.learning_rate * (s.weight_decay * weights[i]);
    }
}

SHOAL_CLONES
void shoal_scale(float *restrict weights, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) weights[i] *= factor;
}

SHOAL_CLONES
void shoal_running_mean(float *restrict mean, const float *restrict values, float share, size_t count) {
    for (size_t i = 0; i < count; i++) mean[i] += (values[i] - mean[i]) * share;
}

SHOAL_CLONES
void shoal_swap(float *restrict one, float *restrict other, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float value = one[i];
        one[i] = other[i];
        other[i] = value;
    }
}
