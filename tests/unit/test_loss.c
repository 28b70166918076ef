/* Losses and optimizers: numbers of Keras 2.10, and central differences.
 * Keras computes in float32, here losses are computed in double and rounded once: 4 roundings of
 * float32 in between are allowed. */
#include "support.h"
#include "nets.h"

#include <math.h>
#include <string.h>

#include <c2s/optimizer.h>

/* What Keras 2.10.0 prints for these outputs and labels: loss (mean times samples) and gradient. */
static const struct golden {
    struct c2s_loss loss;
    int n;
    int32_t labels[3];
    float output[6], gradient[6], sum;
} golden[] = {
    {{.kind = C2S_LOSS_CROSSENTROPY, .units = 3},
     2,
     {0, 2},
     {0.5f, -1.25f, 2.0f, 3.0f, 0.0f, -0.75f},
     {-0.411589921f, 0.0153633701f, 0.396226555f, 0.465850919f, 0.0231933501f, -0.489044249f},
     5.55336428f},
    {{.kind = C2S_LOSS_CROSSENTROPY,
      .units = 3,
      .is_probability = true}, /* the second is clipped */
     2,
     {0, 2},
     {0.699999988f, 0.200000003f, 0.100000001f, 1.0f, 0.0f, 5.00000006e-08f},
     {-0.214285731f, 0.49999997f, 0.49999997f, 0.0f, 0.0f, 0.0f},
     16.4747696f},
    {{.kind = C2S_LOSS_MSE, .units = 3},
     2,
     {0, 2},
     {0.5f, -1.25f, 2.0f, 3.0f, 0.0f, -0.75f},
     {-0.166666672f, -0.416666687f, 0.666666687f, 1.0f, 0.0f, -0.583333373f},
     5.95833349f},
    {{.kind = C2S_LOSS_HINGE, .units = 3},
     2,
     {0, 2},
     {0.5f, -1.25f, 2.0f, 3.0f, 0.0f, -0.75f},
     {-0.166666672f, 0.0f, 0.166666672f, 0.166666672f, 0.166666672f, -0.166666672f},
     3.41666651f},
    {{.kind = C2S_LOSS_CROSSENTROPY, .units = 1},
     3,
     {1, 0, 1},
     {0.75f, -2.0f, -0.5f},
     {-0.106940433f, 0.039734304f, -0.207486451f},
     1.48787597f},
    {{.kind = C2S_LOSS_CROSSENTROPY, .units = 1, .is_probability = true},
     3,
     {1, 0, 1},
     {0.75f, 0.25f, 0.0f},
     {-0.444444388f, 0.444444388f, 0.0f},
     16.0003123f},
    {{.kind = C2S_LOSS_MSE, .units = 1},
     3,
     {1, 0, 1},
     {0.75f, -2.0f, -0.5f},
     {-0.166666672f, -1.33333337f, -1.0f},
     6.31250024f},
    {{.kind = C2S_LOSS_HINGE, .units = 1},
     3,
     {1, 0, 1},
     {0.75f, -2.0f, -0.5f},
     {-0.333333343f, 0.0f, -0.333333343f},
     1.74999994f},
};

static void near(double got, double wanted, double tolerance, const char *what, int i)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s, case %d: %.9g, not %.9g", what, i, got, wanted);
}

static void losses_of_keras(void **state)
{
    (void)state;
    for (int i = 0; i < (int)(sizeof golden / sizeof *golden); i++) {
        struct c2s_loss loss = golden[i].loss;
        struct c2s_loss_sum sum = {0};
        float gradient[6];
        loss.labels = golden[i].labels;
        c2s_loss_samples(&loss, 0, golden[i].n, golden[i].n, golden[i].output, gradient, &sum);
        near(sum.loss, (double)golden[i].sum, ldexp((double)golden[i].sum, -22), "loss", i);
        for (int k = 0; k < golden[i].n * (int)loss.units; k++)
            near((double)gradient[k], (double)golden[i].gradient[k], ldexp(1, -23), "gradient", i);
    }
}

/* Every loss, with and without a teacher: the gradient of what it says the loss is. Outputs stay
 * away from kinks and clips; differences are of float32 outputs 2^-10 apart, so h^2 = 1e-6. */
static void gradients_by_differences(void **state)
{
    (void)state;
    static const enum c2s_loss_kind kinds[] = {C2S_LOSS_CROSSENTROPY, C2S_LOSS_MSE, C2S_LOSS_HINGE};
    struct random rng = {4711};
    for (int i = 0; i < 96; i++) {
        enum { n = 3, most = 5 };
        struct c2s_loss loss = {.kind = kinds[i % 3],
                                .is_probability = i / 3 % 2,
                                .takes_logits = i / 6 % 2,
                                .units = i / 12 % 2 ? most : 1,
                                .teacher_share = 0.3};
        bool is_probability = loss.is_probability && !loss.takes_logits;
        int32_t labels[n];
        float output[n * most], teacher[n * most], gradient[n * most], ignored[n * most];
        struct c2s_loss_sum sum = {0};
        for (int k = 0; k < n; k++)
            labels[k] = random_int(&rng, 0, loss.units == 1 ? 1 : (int)loss.units - 1);
        for (int k = 0; k < n * loss.units; k++) {
            output[k] = is_probability ? random_real(&rng, 0.1f, 0.9f)
                                       : random_real(&rng, 0.1f, 0.9f) * (k % 2 ? 1 : -1);
            teacher[k] = loss.is_probability ? random_real(&rng, 0, 1) : random_real(&rng, -3, 3);
        }
        for (int k = 0; loss.is_probability && loss.units > 1 && k < n * loss.units; k++)
            teacher[k] = 1.0f / (float)loss.units; /* probabilities of several units add up to 1 */
        loss.labels = labels;
        loss.teacher = i / 24 % 2 ? teacher : NULL;
        c2s_loss_samples(&loss, 0, n, n, output, gradient, &sum);
        for (int k = 0; k < n * loss.units; k++) {
            struct c2s_loss_sum above = {0}, below = {0};
            float old = output[k], up = old + 0x1p-10f, down = old - 0x1p-10f;
            output[k] = up;
            c2s_loss_samples(&loss, 0, n, n, output, ignored, &above);
            output[k] = down;
            c2s_loss_samples(&loss, 0, n, n, output, ignored, &below);
            output[k] = old;
            double wanted = (above.loss - below.loss) / ((double)up - (double)down) / n;
            /* third derivatives of log p near 0.1 reach 2 / p^3 = 2000, times h^2 / 6 */
            near((double)gradient[k], wanted, is_probability ? 5e-4 : 1e-6, "difference", i);
        }
    }
}

/* A batch in pieces gives the same bits as in one. */
static void pieces_add_up(void **state)
{
    (void)state;
    const int32_t labels[] = {2, 0, 1, 1};
    struct random rng = {99};
    struct c2s_tensor *y = random_tensor(&rng, 2, (int64_t[]){4, 3}, -2, 2);
    struct c2s_loss loss = {.kind = C2S_LOSS_CROSSENTROPY, .units = 3, .labels = labels};
    float whole[12], pieces[12];
    struct c2s_loss_sum a = {0}, b = {0};
    c2s_loss_samples(&loss, 0, 4, 4, c2s_f32(y), whole, &a);
    c2s_loss_samples(&loss, 0, 1, 4, c2s_f32(y), pieces, &b);
    c2s_loss_samples(&loss, 1, 3, 4, c2s_f32(y) + 3, pieces + 3, &b);
    assert_memory_equal(whole, pieces, sizeof whole);
    assert_true(a.loss == b.loss && a.correct == b.correct);
    c2s_tensor_unref(y);
}

static void what_the_model_ends_with(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct c2s_model *m = net_create();
        int in = net_input(m, 1, (int64_t[]){4});
        struct c2s_layer *l = net_layer(m, C2S_OP_DENSE, 1, &in);
        l->attr.dense.units = 6;
        l->attr.dense.function = i ? C2S_FN_SOFTMAX : C2S_FN_LINEAR;
        int last = 1;
        if (i == 2) {
            l = net_layer(m, C2S_OP_RESHAPE, 1, &last);
            l->attr.reshape.rank = 2;
            l->attr.reshape.dims[0] = 2;
            l->attr.reshape.dims[1] = 3;
        }
        net_finish(m);
        struct c2s_loss loss = c2s_loss_of(i == 3 ? C2S_LOSS_MSE : C2S_LOSS_AUTO, m);
        assert_int_equal(loss.units, 6);
        assert_int_equal(loss.is_probability, i > 0);
        assert_int_equal(loss.takes_logits, i == 1);
        assert_int_equal(loss.kind, i == 3 ? C2S_LOSS_MSE : C2S_LOSS_CROSSENTROPY);
        c2s_model_destroy(m);
    }
}

/* Three steps of Keras 2.10.0 from the same weights and gradients, to the bit. */
static const float start[4] = {0.5f, -1.25f, 0.001f, 3.0f};
static const float steps[3][4] = {
    {0.1f, -2.0f, 1e-8f, 0.0f}, {0.3f, 1.5f, -1e-6f, 0.0f}, {-0.2f, 0.25f, 2e-3f, 1e-3f}};
static const struct trained {
    struct c2s_optimizer_options options;
    double rate;
    float after[3][4];
} trained[] = {
    {{.kind = C2S_ADAM},
     0.01,
     {{0x1.f5c2a4p-2f, -0x1.3d70a4p+0f, 0x1.fbc2cep-11f, 0x1.8p+1f},
      {0x1.ec5cc4p-2f, -0x1.3d361ap+0f, 0x1.672898p-9f, 0x1.8p+1f},
      {0x1.e9b8b0p-2f, -0x1.3d32c4p+0f, -0x1.dc747cp-9f, 0x1.7f2f56p+1f}}},
    {{.kind = C2S_SGD, .momentum = 0.9},
     0.1,
     {{0x1.f5c290p-2f, -0x1.0ccccc0p+0f, 0x1.0624ccp-10f, 0x1.8p+1f},
      {0x1.cdd2f2p-2f, -0x1.051eb8p+0f, 0x1.062b72p-10f, 0x1.8p+1f},
      {0x1.be5c92p-2f, -0x1.049ba6p+0f, 0x1.a38750p-11f, 0x1.7ffcbap+1f}}},
    {{.kind = C2S_SGD},
     0.1,
     {{0x1.f5c290p-2f, -0x1.0ccccc0p+0f, 0x1.0624ccp-10f, 0x1.8p+1f},
      {0x1.d70a3ep-2f, -0x1.333332p+0f, 0x1.062b82p-10f, 0x1.8p+1f},
      {0x1.eb8520p-2f, -0x1.399998p+0f, 0x1.a37b78p-11f, 0x1.7ffcbap+1f}}},
    {{.kind = C2S_ADAM, .beta_1 = 0.8, .beta_2 = 0.95, .epsilon = 1e-3},
     0.002,
     {{0x1.fe0a28p-2f, -0x1.3f7d38p+0f, 0x1.062492p-10f, 0x1.8p+1f},
      {0x1.fc2704p-2f, -0x1.3f7918p+0f, 0x1.063baap-10f, 0x1.8p+1f},
      {0x1.fbc15ap-2f, -0x1.3f7f7cp+0f, 0x1.2c447cp-11f, 0x1.7ff7b6p+1f}}},
};

static void optimizers_of_keras(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct c2s_error err = {0};
        struct c2s_optimizer *o;
        int n_moments;
        struct c2s_parameter p = {.value = tensor_of(1, (int64_t[]){4}, start),
                                  .gradient = tensor_of(1, (int64_t[]){4}, NULL)};
        assert_ok(c2s_optimizer_create(&trained[i].options, &p, 1, &o, &err), &err);
        c2s_optimizer_moments(o, &n_moments);
        assert_int_equal(n_moments, trained[i].options.kind == C2S_ADAM ? 2
                                    : trained[i].options.momentum > 0   ? 1
                                                                        : 0);
        for (int step = 0; step < 3; step++) {
            memcpy(p.gradient->data, steps[step], sizeof steps[step]);
            c2s_optimizer_step(o, trained[i].rate);
            for (int k = 0; k < 4; k++)
                if (c2s_f32(p.value)[k] != trained[i].after[step][k])
                    fail_msg("case %d, step %d, weight %d: %a, not %a", i, step + 1, k,
                             (double)c2s_f32(p.value)[k], (double)trained[i].after[step][k]);
        }
        assert_int_equal(c2s_optimizer_steps(o), 3);
        c2s_optimizer_destroy(o);
        c2s_tensor_unref(p.value);
        c2s_tensor_unref(p.gradient);
    }
}

static void wrong_options(void **state)
{
    (void)state;
    static const struct c2s_optimizer_options wrong[] = {{.kind = C2S_ADAM, .beta_1 = 1},
                                                         {.kind = C2S_ADAM, .beta_2 = -0.5},
                                                         {.kind = C2S_ADAM, .epsilon = -1},
                                                         {.kind = C2S_SGD, .momentum = 1.5}};
    for (int i = 0; i < 4; i++) {
        struct c2s_error err = {0};
        struct c2s_optimizer *o;
        assert_false(c2s_optimizer_create(&wrong[i], NULL, 0, &o, &err));
        assert_int_equal(err.code, C2S_RANGE);
        assert_null(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_keras),     cmocka_unit_test(gradients_by_differences),
        cmocka_unit_test(pieces_add_up),       cmocka_unit_test(what_the_model_ends_with),
        cmocka_unit_test(optimizers_of_keras), cmocka_unit_test(wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
