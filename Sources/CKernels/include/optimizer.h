// Optimizer steps over a flat run of parameters, in one pass over memory. The bits of these do not depend on the
// instruction set: no fused multiply-add, no approximate reciprocals. Replicas on different CPUs must never drift
// apart.
//
// The gradient is read as `gradient[i] * gradient_scale` and never written, so that averaging and clipping cost no pass
// of their own. A null `gradient` stands for zeros: rows of an embedding that the step did not touch. It takes the
// same values as a gradient of zeros would give.
#ifndef SHOAL_OPTIMIZER_H
#define SHOAL_OPTIMIZER_H

#include <stddef.h>

// The scalars of one AdamW step; bias1 = 1 - beta1^t and bias2 = 1 - beta2^t, taken in double precision by the caller.
struct shoal_adamw_step {
    float gradient_scale;
    float decay;        // 1 - lr * weight_decay; 1 for parameters that do not decay
    float beta1_rest;   // 1 - beta1
    float beta2;
    float beta2_rest;   // 1 - beta2
    float step_size;    // lr / bias1
    float sqrt_bias2;   // sqrt(bias2)
    float epsilon;
};

// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019), operation by operation as
// torch.optim.AdamW. Moments that become subnormal are set to zero: they change no weight, and slow some CPUs down.
void shoal_adamw(float *restrict weights, float *restrict first, float *restrict second,
                 const float *restrict gradient, size_t count, const struct shoal_adamw_step *step);

// The scalars of one SGD step.
struct shoal_sgd_step {
    float gradient_scale;
    float weight_decay; // added to the gradient as weight_decay * weight; 0 for parameters that do not decay
    float momentum;     // not read where there is no `velocity`
    float learning_rate;
    int nesterov;
};

// SGD as torch.optim.SGD with dampening 0. Without momentum, `velocity` is null.
void shoal_sgd(float *restrict weights, float *restrict velocity, const float *restrict gradient, size_t count,
               const struct shoal_sgd_step *step);

// weights[i] *= factor: what AdamW does to parameters whose gradient and moments are all zero.
void shoal_scale(float *restrict weights, float factor, size_t count);

// mean[i] += (values[i] - mean[i]) * share: with share 1/n, the mean of n vectors from that of the n - 1 before.
void shoal_running_mean(float *restrict mean, const float *restrict values, float share, size_t count);

// Exchanges two vectors.
void shoal_swap(float *restrict one, float *restrict other, size_t count);

#endif
