/* The integer products of Akida layers on oneDNN. Beside the float engine's own oneDNN files this
 * is the only one that includes dnnl.h: it prepares single products, not layers of a model. */
#include "akida/dnnl_integer.h"

#include <dnnl.h>
#include <string.h>

#include "base/alloc.h"

struct akida_dnnl {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

struct akida_product {
    struct akida_dnnl *d; /* borrowed */
    dnnl_primitive_t primitive;
    dnnl_memory_t source, weights, destination;
};

static bool done(dnnl_status_t status, const char *what, struct c2s_error *err)
{
    if (status == dnnl_success)
        return true;
    if (status == dnnl_out_of_memory)
        return c2s_fail_nomem(err);
    return c2s_fail(err, C2S_UNSUPPORTED,
                    "oneDNN cannot %s (status %d); use the engine 'akida' without it", what,
                    (int)status);
}

bool akida_dnnl_create(struct akida_dnnl **out, struct c2s_error *err)
{
    struct akida_dnnl *d = *out = c2s_calloc(1, sizeof *d);
    if (!d)
        return c2s_fail_nomem(err);
    if (done(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "start", err) &&
        done(dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags), "start", err))
        return true;
    akida_dnnl_destroy(d);
    *out = NULL;
    return false;
}

void akida_dnnl_destroy(struct akida_dnnl *d)
{
    if (!d)
        return;
    if (d->stream)
        dnnl_stream_destroy(d->stream);
    if (d->engine)
        dnnl_engine_destroy(d->engine);
    c2s_free(d);
}

void akida_product_destroy(struct akida_product *p)
{
    if (!p)
        return;
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    dnnl_memory_t memories[] = {p->source, p->weights, p->destination};
    for (int i = 0; i < 3; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    c2s_free(p);
}

static dnnl_data_type_t source_type(enum akida_numbers n)
{
    return n == AKIDA_F32_TO_F32 ? dnnl_f32 : dnnl_u8;
}

static dnnl_data_type_t weights_type(enum akida_numbers n)
{
    return n == AKIDA_F32_TO_F32 ? dnnl_f32 : dnnl_s8;
}

static dnnl_data_type_t destination_type(enum akida_numbers n)
{
    return n == AKIDA_U8_TO_I32 ? dnnl_s32 : dnnl_f32;
}

/* Descriptions of one computation: plain is how the caller stores the weights (int8). */
struct layout {
    dnnl_memory_desc_t source, weights, destination, plain;
};

static bool describe(dnnl_memory_desc_t *md, int rank, const dnnl_dim_t *dims,
                     dnnl_data_type_t type, const dnnl_dim_t *strides, struct c2s_error *err)
{
    dnnl_dims_t d = {0}, s = {0};
    memcpy(d, dims, sizeof *dims * (size_t)rank);
    if (!strides)
        return done(dnnl_memory_desc_init_by_tag(md, rank, d, type, dnnl_format_tag_any),
                    "describe weights", err);
    memcpy(s, strides, sizeof *strides * (size_t)rank);
    return done(dnnl_memory_desc_init_by_strides(md, rank, d, type, s), "describe a tensor", err);
}

/* Copies the caller's int8 weights into the type and order that the primitive wants. */
static bool pack_weights(struct akida_product *p, const dnnl_memory_desc_t *wanted,
                         const dnnl_memory_desc_t *plain, const int8_t *weights,
                         struct c2s_error *err)
{
    dnnl_engine_t engine = p->d->engine;
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t how = NULL;
    dnnl_primitive_t reorder = NULL;
    void *data = (void *)weights; /* only read by the reorder */
    const char *what = "order weights";
    bool ok =
        done(dnnl_memory_create(&p->weights, wanted, engine, DNNL_MEMORY_ALLOCATE), what, err) &&
        done(dnnl_memory_create(&from, plain, engine, data), what, err) &&
        done(dnnl_reorder_primitive_desc_create(&how, plain, engine, wanted, engine, NULL), what,
             err) &&
        done(dnnl_primitive_create(&reorder, how), what, err);
    if (ok) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, p->weights}};
        ok = done(dnnl_primitive_execute(reorder, p->d->stream, 2, args), what, err) &&
             done(dnnl_stream_wait(p->d->stream), what, err);
    }
    if (reorder)
        dnnl_primitive_destroy(reorder);
    if (how)
        dnnl_primitive_desc_destroy(how);
    if (from)
        dnnl_memory_destroy(from);
    return ok;
}

static bool is_kernel(const_dnnl_primitive_desc_t desc, const char *prefix)
{
    const char *name = "";
    return dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) == dnnl_success &&
           strncmp(name, prefix, strlen(prefix)) == 0;
}

/* oneDNN's first choice, except for images in floats: its convolution by small products ("brgconv")
 * takes each tap for itself, which with 1 or 3 channels is slower than the kernel behind it. */
static dnnl_status_t choose_kernel(const struct akida_dnnl *d, const_dnnl_op_desc_t op,
                                   const_dnnl_primitive_attr_t attr, bool is_float_image,
                                   dnnl_primitive_desc_t *out)
{
    dnnl_primitive_desc_iterator_t all = NULL;
    dnnl_primitive_desc_t second = NULL;
    dnnl_status_t status = dnnl_primitive_desc_create(out, op, attr, d->engine, NULL);
    if (status != dnnl_success || !is_float_image || !is_kernel(*out, "brgconv"))
        return status;
    if (dnnl_primitive_desc_iterator_create(&all, op, attr, d->engine, NULL) != dnnl_success)
        return dnnl_success; /* the first choice is there */
    if (dnnl_primitive_desc_iterator_next(all) == dnnl_success)
        second = dnnl_primitive_desc_iterator_fetch(all);
    if (second && is_kernel(second, "jit:")) {
        dnnl_primitive_desc_t first = *out;
        *out = second;
        second = first;
    }
    if (second)
        dnnl_primitive_desc_destroy(second);
    dnnl_primitive_desc_iterator_destroy(all);
    return dnnl_success;
}

/* From an operation's description to a product that is ready to run. */
static bool prepare(struct akida_dnnl *d, const_dnnl_op_desc_t op, const struct layout *layout,
                    const int8_t *weights, struct akida_product **out, struct c2s_error *err)
{
    struct akida_product *p = *out = c2s_calloc(1, sizeof *p);
    if (!p)
        return c2s_fail_nomem(err);
    p->d = d;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    bool is_float_image = layout->source.ndims == 4 && layout->source.dims[1] <= 3 &&
                          layout->source.data_type == dnnl_f32;
    const char *what = "prepare an integer layer";
    bool ok =
        done(dnnl_primitive_attr_create(&attr), what, err) &&
        /* An environment variable may allow less exact float arithmetic: not here. */
        done(dnnl_primitive_attr_set_fpmath_mode(attr, dnnl_fpmath_mode_strict), what, err) &&
        done(choose_kernel(d, op, attr, is_float_image, &desc), what, err) &&
        done(dnnl_primitive_create(&p->primitive, desc), what, err) &&
        pack_weights(p, dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0),
                     &layout->plain, weights, err) &&
        done(dnnl_memory_create(&p->source, &layout->source, d->engine, DNNL_MEMORY_NONE), what,
             err) &&
        done(dnnl_memory_create(&p->destination, &layout->destination, d->engine, DNNL_MEMORY_NONE),
             what, err);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    if (!ok) {
        akida_product_destroy(p);
        *out = NULL;
    }
    return ok;
}

bool akida_product_window(struct akida_dnnl *d, const struct akida_window *w,
                          enum akida_numbers numbers, const int8_t *weights,
                          struct akida_product **out, struct c2s_error *err)
{
    int64_t C = w->in[2], N = w->is_depthwise ? C : w->filters, KH = w->kernel[0],
            KW = w->kernel[1];
    dnnl_dims_t strides = {w->strides[0], w->strides[1]}, front = {w->pad[0], w->pad[1]}, back;
    for (int i = 0; i < 2; i++) {
        back[i] = (w->out[i] - 1) * w->strides[i] + w->kernel[i] - w->in[i] - w->pad[i];
        back[i] = back[i] > 0 ? back[i] : 0;
    }
    /* oneDNN names dimensions N,C,H,W and O,I,H,W (G,O,I,H,W) whatever their order in memory. */
    dnnl_dim_t in[] = {w->batch, C, w->in[0], w->in[1]};
    dnnl_dim_t in_strides[] = {w->in[0] * w->in[1] * C, 1, w->in[1] * C, C};
    dnnl_dim_t to[] = {w->batch, N, w->out[0], w->out[1]};
    dnnl_dim_t to_strides[] = {w->out[0] * w->out[1] * N, 1, w->out[1] * N, N};
    dnnl_dim_t kernel[] = {C, 1, 1, KH, KW}, kernel_strides[] = {1, 1, 1, KW * C, C};
    int rank = 5;
    if (!w->is_depthwise) {
        rank = 4;
        memcpy(kernel, (dnnl_dim_t[]){N, C, KH, KW}, sizeof *kernel * 4);
        memcpy(kernel_strides, (dnnl_dim_t[]){1, N, KW * C * N, C * N}, sizeof *kernel * 4);
    }
    struct layout layout;
    dnnl_convolution_desc_t op;
    return describe(&layout.source, 4, in, source_type(numbers), in_strides, err) &&
           describe(&layout.destination, 4, to, destination_type(numbers), to_strides, err) &&
           describe(&layout.weights, rank, kernel, weights_type(numbers), NULL, err) &&
           describe(&layout.plain, rank, kernel, dnnl_s8, kernel_strides, err) &&
           done(dnnl_convolution_forward_desc_init(
                    &op, dnnl_forward_inference, dnnl_convolution_direct, &layout.source,
                    &layout.weights, NULL, &layout.destination, strides, front, back),
                "describe a convolution", err) &&
           prepare(d, &op, &layout, weights, out, err);
}

bool akida_product_matrix(struct akida_dnnl *d, const int64_t shape[3], enum akida_numbers numbers,
                          const int8_t *weights, struct akida_product **out, struct c2s_error *err)
{
    int64_t M = shape[0], K = shape[1], N = shape[2];
    struct layout layout;
    dnnl_matmul_desc_t op;
    return describe(&layout.source, 2, (dnnl_dim_t[]){M, K}, source_type(numbers),
                    (dnnl_dim_t[]){K, 1}, err) &&
           describe(&layout.destination, 2, (dnnl_dim_t[]){M, N}, destination_type(numbers),
                    (dnnl_dim_t[]){N, 1}, err) &&
           describe(&layout.weights, 2, (dnnl_dim_t[]){K, N}, weights_type(numbers), NULL, err) &&
           describe(&layout.plain, 2, (dnnl_dim_t[]){K, N}, dnnl_s8, (dnnl_dim_t[]){N, 1}, err) &&
           done(dnnl_matmul_desc_init(&op, &layout.source, &layout.weights, NULL,
                                      &layout.destination),
                "describe a matrix product", err) &&
           prepare(d, &op, &layout, weights, out, err);
}

bool akida_product_run(struct akida_product *p, const void *source, void *destination,
                       struct c2s_error *err)
{
    void *from = (void *)source; /* only read by the primitive */
    dnnl_exec_arg_t args[] = {
        {DNNL_ARG_SRC, p->source}, {DNNL_ARG_WEIGHTS, p->weights}, {DNNL_ARG_DST, p->destination}};
    return done(dnnl_memory_set_data_handle(p->source, from), "run a layer", err) &&
           done(dnnl_memory_set_data_handle(p->destination, destination), "run a layer", err) &&
           done(dnnl_primitive_execute(p->primitive, p->d->stream, 3, args), "run a layer", err) &&
           done(dnnl_stream_wait(p->d->stream), "run a layer", err);
}
