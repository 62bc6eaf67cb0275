// The element type of the kernel bodies included after this: bfloat16 in memory, float32 in registers. No guard: bodies
// are included once a type.
#include "include/bfloat16.h"
#undef ELEMENT
#undef NAME
#undef LOAD
#undef STORE
#define ELEMENT uint16_t
#define NAME(kernel) kernel##_bf16
#define LOAD(x) shoal_float_of_bf16(x)
#define STORE(x) shoal_bf16_of_float(x)
