// The loops that oneDNN does not have. Each file names its own; `restrict` pointers never overlap.
#ifndef SHOAL_CKERNELS_H
#define SHOAL_CKERNELS_H

#include "activation.h"
#include "add_scaled.h"
#include "attention_softmax.h"
#include "bfloat16.h"
#include "cross_entropy.h"
#include "dropout.h"
#include "embedding.h"
#include "gelu.h"
#include "layer_norm.h"
#include "optimizer.h"
#include "reduction.h"
#include "residual.h"
#include "rotary.h"
#include "rows.h"
#include "softmax_regression.h"
#include "wire.h"

#endif
