#include "cross_entropy.h"
#include "clones.h"
#include "fast_exp.h"
#include "maximum.h"
#include <math.h>

// Floats that are summed in float32 before they go into the double sum.
#define PART 1024

SHOAL_CLONES
double shoal_cross_entropy(const float *logits, float *gradient, size_t count, size_t label) {
    double largest = maximum(logits, count);
    double chosen = logits[label];
    float base = (float)largest;
    double sum = 0;
    for (size_t start = 0; start < count; start += PART) {
        size_t part = count - start < PART ? count - start : PART;
        float terms[PART];
        for (size_t c = 0; c < part; c++) terms[c] = shoal_exp(logits[start + c] - base);
        // Lanes of a fixed number, so that every clone adds in the same order.
        float lanes[16] = {0};
        size_t c = 0;
        for (; c + 16 <= part; c += 16) {
            for (int i = 0; i < 16; i++) lanes[i] += terms[c + i];
        }
        for (int i = 0; c < part; c++, i++) lanes[i] += terms[c];
        for (int i = 0; i < 16; i++) sum += lanes[i];
        if (gradient) {
            for (size_t c = 0; c < part; c++) gradient[start + c] = terms[c];
        }
    }
    if (gradient) {
        float scale = (float)(1 / sum);
        for (size_t c = 0; c < count; c++) gradient[c] *= scale;
        gradient[label] -= 1;
    }
    return log(sum) + largest - chosen;
}
