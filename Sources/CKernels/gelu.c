// GELU, forward and backward: the passes are in gelu_body.h, which is included once for each element type.
// include/gelu.h says what they compute.
#include "gelu.h"
#include "clones.h"
#include "fast_exp.h"
#include "normal_cdf.h"

#include "element_f32.h"
#include "gelu_body.h"

#include "element_bf16.h"
#include "gelu_body.h"
