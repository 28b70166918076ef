/* Engines, for running and for training, when memory runs out at any allocation of ours: NOMEM,
 * nothing leaked, the model untouched and computable afterwards. */
#include "series.h"
#include "support.h"

#include <c2s/engine.h>
#include <c2s/gradient.h>

#include "base/alloc.h"

static bool ignore(void *arg, int layer, const struct c2s_tensor *output)
{
    (void)arg;
    (void)layer;
    (void)output;
    return true;
}

/* Creates an engine and runs it fused and observed; true when everything went well. */
static bool use(const char *name, const struct c2s_model *m, const struct c2s_tensor *x,
                struct c2s_error *err)
{
    struct c2s_engine *e = NULL;
    struct c2s_tensor *plain = NULL, *observed = NULL;
    struct c2s_observer observer = {ignore, NULL};
    bool ok = c2s_engine_create(name, m, NULL, &e, err) &&
              c2s_engine_run(e, &x, &plain, NULL, err) &&
              c2s_engine_run(e, &x, &observed, &observer, err);
    assert_true(ok || err->code == C2S_NOMEM);
    c2s_tensor_unref(plain);
    c2s_tensor_unref(observed);
    c2s_engine_destroy(e);
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"ref", "dnnl"};
    struct c2s_error err = {0};
    struct c2s_model *m = series_usual();
    const struct c2s_layer *in = m->layers[0];
    struct c2s_tensor *x = c2s_tensor_create(
        C2S_F32, 4, (const int64_t[]){2, in->dims[0], in->dims[1], in->dims[2]}, &err);
    assert_non_null(x);
    for (int i = 0; i < 2; i++) {
        long n = 1;
        for (bool ok = false; !ok; n++) {
            struct c2s_error failure = {0};
            c2s_alloc_fail_after(n);
            ok = use(names[i], m, x, &failure);
            c2s_alloc_fail_after(0);
        }
        assert_true(n > 30);
        assert_ok(use(names[i], m, x, &err), &err);
    }
    c2s_tensor_unref(x);
    c2s_model_destroy(m);
}

static void half(const void *arg, int64_t first, int64_t n, int64_t batch, const float *output,
                 float *gradient, struct c2s_loss_sum *sum)
{
    int64_t units = *(const int64_t *)arg;
    (void)first;
    (void)batch;
    (void)output;
    for (int64_t i = 0; i < n * units; i++)
        gradient[i] = 0.5f;
    sum->correct += n;
}

/* Creates a training and computes a batch. */
static bool train(const char *name, struct c2s_model *m, const struct c2s_tensor *x,
                  struct c2s_error *err)
{
    const struct c2s_gradients_options options = {.max_batch = 2, .n_threads = 2};
    struct c2s_gradients *g = NULL;
    struct c2s_loss_sum sum;
    int64_t units = m->layers[m->outputs[0]]->dims[0];
    struct c2s_batch_loss loss = {.samples = half, .arg = &units};
    bool ok = c2s_gradients_create(name, m, &options, &g, err) &&
              c2s_gradients_compute(g, x, 0, &loss, &sum, err);
    assert_true(ok || err->code == C2S_NOMEM);
    c2s_gradients_destroy(g);
    return ok;
}

/* The usual net and the same quantized: with and without batch normalization in training. */
static void every_allocation_of_training_may_fail(void **state)
{
    static const char *const names[] = {"ref", "dnnl"};
    struct c2s_error err = {0};
    struct c2s_quantize_plan plan = {.weight_quantization = 4, .activ_quantization = 4};
    struct c2s_model *usual = series_usual();
    struct c2s_model *nets[] = {usual, series_quantized(usual, &plan, NULL)};
    const struct c2s_layer *in = usual->layers[0];
    struct c2s_tensor *x = c2s_tensor_create(
        C2S_F32, 4, (const int64_t[]){2, in->dims[0], in->dims[1], in->dims[2]}, &err);
    (void)state;
    assert_non_null(x);
    for (int i = 0; i < 4; i++) {
        struct c2s_model *m = nets[i / 2];
        assert_ok(c2s_model_own_parameters(m, &err), &err);
        long n = 1;
        for (bool ok = false; !ok; n++) {
            struct c2s_error failure = {0};
            c2s_alloc_fail_after(n);
            ok = train(names[i % 2], m, x, &failure);
            c2s_alloc_fail_after(0);
        }
        assert_true(n > 30);
        assert_ok(train(names[i % 2], m, x, &err), &err);
    }
    c2s_tensor_unref(x);
    c2s_model_destroy(nets[0]);
    c2s_model_destroy(nets[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail),
                                       cmocka_unit_test(every_allocation_of_training_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
