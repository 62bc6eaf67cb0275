// Activations, forward and backward: the passes are in activation_body.h, which is included once for each element type.
// include/activation.h says what they compute.
#include "activation.h"
#include "clones.h"
#include "fast_exp.h"
#include "normal_cdf.h"

// The argument of the tanh in the approximation of GELU, and its derivative.
static inline float tanh_argument(float x) { return 0.79788456080286536f * (x + 0.044715f * x * x * x); }
static inline float tanh_argument_slope(float x) { return 0.79788456080286536f * (1.0f + 3.0f * 0.044715f * x * x); }

// (1 + tanh(u)) / 2 = 1 / (1 + e^-2u).
static inline float half_tanh(float u) { return 1.0f / (1.0f + shoal_exp(-2.0f * u)); }

#include "element_f32.h"
#include "activation_body.h"

#include "element_bf16.h"
#include "activation_body.h"
