// Softmax cross-entropy over many classes, such as a vocabulary.
#ifndef SHOAL_CROSS_ENTROPY_H
#define SHOAL_CROSS_ENTROPY_H

#include <stddef.h>

// The loss -log(softmax(logits)[label]) of a row of `count` logits, and, unless `gradient` is NULL, its gradient
// softmax(logits) - onehot(label) there; it may be the same memory as `logits`. Exponentials are float32, sums double.
// The loss is not a number where a logit is not finite, but for -infinity at another place than the label.
double shoal_cross_entropy(const float *logits, float *gradient, size_t count, size_t label);

#endif
