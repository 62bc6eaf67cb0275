// oneDNN's matrix product behind one small interface: its C interface changed between version 2 and version 3, and
// Swift cannot look at version macros.
#ifndef SHOAL_ONEDNN_SHIM_H
#define SHOAL_ONEDNN_SHIM_H

#include <dnnl.h>
#include <dnnl_version.h>

// A product c = op(a) op(b) + bias (+ c) of fixed shapes, strides and types.
struct shoal_product_shape {
    dnnl_dim_t m, n, k;
    // From one row, and one column, of op(a) and op(b) to the next, in elements.
    dnnl_dim_t a_row, a_column, b_row, b_column;
    // From one row of c to the next.
    dnnl_dim_t c_row;
    // Of a and b, and of c. A bias is float32.
    dnnl_data_type_t input, output;
    int has_bias;
    int accumulates;
};

// A product that is ready to run.
struct shoal_product {
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, bias, c, scratchpad;
    size_t scratchpad_bytes;
};

static inline void shoal_product_free(struct shoal_product *p) {
    if (p->primitive) dnnl_primitive_destroy(p->primitive);
    if (p->a) dnnl_memory_destroy(p->a);
    if (p->b) dnnl_memory_destroy(p->b);
    if (p->bias) dnnl_memory_destroy(p->bias);
    if (p->c) dnnl_memory_destroy(p->c);
    if (p->scratchpad) dnnl_memory_destroy(p->scratchpad);
    *p = (struct shoal_product){0};
}

// Makes *p; on failure nothing is left of it.
static inline dnnl_status_t shoal_product_make(struct shoal_product *p, const struct shoal_product_shape *s,
                                               dnnl_engine_t engine) {
    dnnl_dims_t a_dims = {s->m, s->k}, b_dims = {s->k, s->n}, bias_dims = {1, s->n}, c_dims = {s->m, s->n};
    dnnl_dims_t a_strides = {s->a_row, s->a_column}, b_strides = {s->b_row, s->b_column}, bias_strides = {s->n, 1},
                c_strides = {s->c_row, 1};
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status;
    *p = (struct shoal_product){0};
#define SHOAL_TRY(call)                            \
    do {                                           \
        if (status == dnnl_success) status = call; \
    } while (0)
    status = dnnl_primitive_attr_create(&attributes);
    // The caller's memory, so that a product is not tied to the thread that made it.
    SHOAL_TRY(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user));
    if (s->accumulates) {
        SHOAL_TRY(dnnl_post_ops_create(&operations));
#if DNNL_VERSION_MAJOR >= 3
        SHOAL_TRY(dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef));
#else
        SHOAL_TRY(dnnl_post_ops_append_sum(operations, 1.0f));
#endif
        SHOAL_TRY(dnnl_primitive_attr_set_post_ops(attributes, operations));
    }
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t a = NULL, b = NULL, bias = NULL, c = NULL;
    SHOAL_TRY(dnnl_memory_desc_create_with_strides(&a, 2, a_dims, s->input, a_strides));
    SHOAL_TRY(dnnl_memory_desc_create_with_strides(&b, 2, b_dims, s->input, b_strides));
    SHOAL_TRY(dnnl_memory_desc_create_with_strides(&bias, 2, bias_dims, dnnl_f32, bias_strides));
    SHOAL_TRY(dnnl_memory_desc_create_with_strides(&c, 2, c_dims, s->output, c_strides));
    SHOAL_TRY(
        dnnl_matmul_primitive_desc_create(&description, engine, a, b, s->has_bias ? bias : NULL, c, attributes));
    const_dnnl_memory_desc_t scratchpad = NULL;
#define SHOAL_MEMORY(to, desc) SHOAL_TRY(dnnl_memory_create(to, desc, engine, DNNL_MEMORY_NONE))
#else
    dnnl_memory_desc_t a, b, bias, c;
    dnnl_matmul_desc_t operation;
    SHOAL_TRY(dnnl_memory_desc_init_by_strides(&a, 2, a_dims, s->input, a_strides));
    SHOAL_TRY(dnnl_memory_desc_init_by_strides(&b, 2, b_dims, s->input, b_strides));
    SHOAL_TRY(dnnl_memory_desc_init_by_strides(&bias, 2, bias_dims, dnnl_f32, bias_strides));
    SHOAL_TRY(dnnl_memory_desc_init_by_strides(&c, 2, c_dims, s->output, c_strides));
    SHOAL_TRY(dnnl_matmul_desc_init(&operation, &a, &b, s->has_bias ? &bias : NULL, &c));
    SHOAL_TRY(dnnl_primitive_desc_create(&description, &operation, attributes, engine, NULL));
    const dnnl_memory_desc_t *scratchpad = NULL;
#define SHOAL_MEMORY(to, desc) SHOAL_TRY(dnnl_memory_create(to, &desc, engine, DNNL_MEMORY_NONE))
#endif
    SHOAL_TRY(dnnl_primitive_create(&p->primitive, description));
    SHOAL_MEMORY(&p->a, a);
    SHOAL_MEMORY(&p->b, b);
    SHOAL_MEMORY(&p->c, c);
    if (s->has_bias) SHOAL_MEMORY(&p->bias, bias);
    if (status == dnnl_success) scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    if (status == dnnl_success && scratchpad) {
        p->scratchpad_bytes = dnnl_memory_desc_get_size(scratchpad);
        if (p->scratchpad_bytes > 0)
            SHOAL_TRY(dnnl_memory_create(&p->scratchpad, scratchpad, engine, DNNL_MEMORY_NONE));
    }
#undef SHOAL_MEMORY
#undef SHOAL_TRY
#if DNNL_VERSION_MAJOR >= 3
    if (a) dnnl_memory_desc_destroy(a);
    if (b) dnnl_memory_desc_destroy(b);
    if (bias) dnnl_memory_desc_destroy(bias);
    if (c) dnnl_memory_desc_destroy(c);
#endif
    if (description) dnnl_primitive_desc_destroy(description);
    if (operations) dnnl_post_ops_destroy(operations);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    if (status != dnnl_success) shoal_product_free(p);
    return status;
}

// Runs *p on the calling thread. `scratchpad` has at least p->scratchpad_bytes.
static inline dnnl_status_t shoal_product_run(const struct shoal_product *p, dnnl_stream_t stream, const void *a,
                                              const void *b, const void *bias, void *c, void *scratchpad) {
    dnnl_status_t status = dnnl_memory_set_data_handle(p->a, (void *)a);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(p->b, (void *)b);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(p->c, c);
    dnnl_exec_arg_t arguments[5] = {{DNNL_ARG_SRC, p->a}, {DNNL_ARG_WEIGHTS, p->b}, {DNNL_ARG_DST, p->c}};
    int count = 3;
    if (p->bias) {
        if (status == dnnl_success) status = dnnl_memory_set_data_handle(p->bias, (void *)bias);
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, p->bias};
    }
    if (p->scratchpad) {
        if (status == dnnl_success) status = dnnl_memory_set_data_handle(p->scratchpad, scratchpad);
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, p->scratchpad};
    }
    return status == dnnl_success ? dnnl_primitive_execute(p->primitive, stream, count, arguments) : status;
}

// Whether this processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX), as far as oneDNN may use it.
static inline int shoal_onednn_has_bf16(void) {
    int wanted = dnnl_cpu_isa_avx512_core_bf16;
    return (dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

// The version of the library that is loaded: major, minor, patch.
static inline void shoal_onednn_version(int version[3]) {
    const dnnl_version_t *v = dnnl_version();
    version[0] = v->major;
    version[1] = v->minor;
    version[2] = v->patch;
}

#endif
