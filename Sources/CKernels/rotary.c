#include "rotary.h"
#include "clones.h"

#include "element_f32.h"
#include "rotary_body.h"

#include "element_bf16.h"
#include "rotary_body.h"
