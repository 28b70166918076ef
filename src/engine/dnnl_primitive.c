/* Small covers of oneDNN: failures as sentences, primitives, shared arguments. */
#include "engine/dnnl_plan.h"

#include <assert.h>
#include <omp.h>

#include "base/alloc.h"

bool plan_ok(dnnl_status_t status, const struct c2s_layer *l, struct c2s_error *err)
{
    if (status == dnnl_success)
        return true;
    if (status == dnnl_out_of_memory)
        return c2s_fail_nomem(err);
    return c2s_fail(err, C2S_UNSUPPORTED,
                    "oneDNN cannot compute layer '%s' (%s): %s; use the engine ref", l->name,
                    l->class_name, dnnl_status2str(status));
}

int plan_one_thread(void)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

static dnnl_memory_desc_t desc(int rank, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&d, rank, dims, dnnl_f32, tag);
    assert(status == dnnl_success); /* it fails for negative dimensions only */
    (void)status;
    return d;
}

dnnl_memory_desc_t plan_image_desc(int64_t n, int64_t h, int64_t w, int64_t c)
{
    return desc(4, (const dnnl_dims_t){n, c, h, w}, dnnl_nhwc);
}

dnnl_memory_desc_t plan_matrix_desc(int64_t rows, int64_t columns)
{
    return desc(2, (const dnnl_dims_t){rows, columns}, dnnl_nc);
}

dnnl_memory_desc_t plan_vector_desc(int64_t n)
{
    return desc(1, (const dnnl_dims_t){n}, dnnl_x);
}

dnnl_memory_desc_t plan_any_desc(int rank, const dnnl_dims_t dims)
{
    return desc(rank, dims, dnnl_format_tag_any);
}

bool plan_describe(dnnl_engine_t engine, const struct c2s_layer *l, const struct plan_request *r,
                   dnnl_primitive_desc_t *pd, struct c2s_error *err)
{
    dnnl_primitive_attr_t own = NULL;
    if (!r->attr && !plan_ok(dnnl_primitive_attr_create(&own), l, err))
        return false;
    dnnl_primitive_attr_t attr = r->attr ? r->attr : own;
    bool ok =
        plan_ok(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user), l, err) &&
        plan_ok(dnnl_primitive_desc_create(pd, r->op, attr, engine, r->hint), l, err);
    if (own)
        dnnl_primitive_attr_destroy(own);
    return ok;
}

bool plan_primitive_init(struct plan_primitive *q, const struct c2s_layer *l,
                         dnnl_primitive_desc_t pd, struct c2s_error *err)
{
    q->scratch = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    return plan_ok(dnnl_primitive_desc_query(pd, dnnl_query_engine, 0, &q->engine), l, err) &&
           plan_ok(dnnl_primitive_create(&q->primitive, pd), l, err);
}

void plan_primitive_finish(struct plan_primitive *q)
{
    for (int i = 0; i < q->n_fixed; i++)
        dnnl_memory_destroy(q->fixed[i]);
    if (q->primitive)
        dnnl_primitive_destroy(q->primitive);
    *q = (struct plan_primitive){0};
}

static dnnl_status_t reorder(dnnl_engine_t engine, dnnl_memory_t from, dnnl_memory_t to,
                             const dnnl_memory_desc_t *plain, const dnnl_memory_desc_t *wanted)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_status_t status =
        dnnl_reorder_primitive_desc_create(&pd, plain, engine, wanted, engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&primitive, pd);
    if (status == dnnl_success)
        status = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(primitive, stream, 2, args);
    if (status == dnnl_success)
        status = dnnl_stream_wait(stream);
    if (stream)
        dnnl_stream_destroy(stream);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return status;
}

bool plan_add_fixed(struct plan_primitive *q, int arg, const dnnl_memory_desc_t *plain,
                    const dnnl_memory_desc_t *wanted, const float *data, struct c2s_error *err)
{
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_status_t status = dnnl_memory_create(&from, plain, q->engine, (void *)data);
    if (status == dnnl_success)
        status = dnnl_memory_create(&to, wanted, q->engine, DNNL_MEMORY_ALLOCATE);
    if (status == dnnl_success)
        status = reorder(q->engine, from, to, plain, wanted);
    if (from)
        dnnl_memory_destroy(from);
    if (status != dnnl_success) {
        if (to)
            dnnl_memory_destroy(to);
        return status == dnnl_out_of_memory
                   ? c2s_fail_nomem(err)
                   : c2s_fail(err, C2S_UNSUPPORTED, "oneDNN cannot lay out weights: %s",
                              dnnl_status2str(status));
    }
    assert(q->n_fixed < PLAN_MAX_ARGS - 3);
    q->fixed_arg[q->n_fixed] = arg;
    q->fixed[q->n_fixed++] = to;
    return true;
}
