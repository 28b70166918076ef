/* What the profile decides: models that map on production chips and not on the first samples, and
 * the other way round. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <string.h>

/* Integer inputs of (height, width, 8), conv_1 and what a case makes of it. */
static struct c2s_model *start(int height, int width, struct c2s_layer **conv, int kernel)
{
    struct c2s_model *m = chain_create(height, width, 8);
    *conv = chain_conv(m, "conv_1", 8, kernel);
    return m;
}

static struct c2s_model *end(struct c2s_model *m)
{
    chain_relu(m, "relu_1");
    chain_conv(m, "conv_2", 8, 3);
    chain_relu(m, "relu_2");
    chain_finish(m);
    return m;
}

static struct c2s_model *image(void)
{
    struct c2s_model *m = chain_create(16, 300, 3); /* too wide where there is an input layer */
    chain_conv(m, "conv_1", 8, 3);
    return end(m);
}

static struct c2s_model *plain(void)
{
    struct c2s_layer *conv;
    return end(start(16, 16, &conv, 3));
}

static struct c2s_model *strided(void)
{
    struct c2s_layer *conv;
    struct c2s_model *m = start(16, 16, &conv, 3);
    conv->attr.conv.strides[0] = conv->attr.conv.strides[1] = 2;
    return end(m);
}

static struct c2s_model *pool_of_3(void)
{
    struct c2s_layer *conv;
    struct c2s_model *m = start(16, 16, &conv, 3);
    chain_max_pool(m, "pool", 3);
    return end(m);
}

static struct c2s_model *pool_of_4(void)
{
    struct c2s_layer *conv;
    struct c2s_model *m = start(16, 16, &conv, 3);
    chain_max_pool(m, "pool", 4);
    return end(m);
}

static struct c2s_model *kernel_over_input(void)
{
    struct c2s_layer *conv;
    struct c2s_model *m = start(4, 4, &conv, 5);
    chain_max_pool(m, "pool", 2);
    return end(m);
}

static struct c2s_model *averaged(int height, int width, int filters, bool is_separable)
{
    struct c2s_model *m = chain_create(height, width, 8);
    if (is_separable)
        chain_separable(m, "conv_1", filters, 3);
    else
        chain_conv(m, "conv_1", filters, 3);
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    chain_relu(m, "relu_1");
    chain_finish(m);
    return m;
}

static struct c2s_model *average_16(void)
{
    return averaged(16, 16, 12, false);
}

static struct c2s_model *average_12(void)
{
    return averaged(12, 16, 8, false);
}

static struct c2s_model *average_high(void)
{
    return averaged(40, 16, 8, false);
}

static struct c2s_model *average_wide(void)
{
    return averaged(16, 40, 8, false);
}

static struct c2s_model *average_12_filters(void)
{
    return averaged(16, 16, 12, true);
}

static struct c2s_model *many_filters(void)
{
    struct c2s_layer *conv;
    struct c2s_model *m = start(8, 8, &conv, 1);
    conv->attr.conv.filters = 2049;
    chain_relu(m, "relu_1");
    chain_finish(m);
    return m;
}

/* conv_1 -> act_1 -> dense, all quantized; 100x100x filters numbers go into the dense layer. */
static struct c2s_model *quantized(int side, int filters, int conv_bits, int activation_bits,
                                   int dense_bits)
{
    struct c2s_model *m = chain_create(side, side, 8);
    chain_quantize(chain_conv(m, "conv_1", filters, 1), conv_bits);
    chain_quantized_relu(m, "act_1", activation_bits);
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 1), dense_bits);
    chain_finish(m);
    return m;
}

static struct c2s_model *two_bits(void)
{
    return quantized(4, 8, 2, 2, 2);
}

static struct c2s_model *conv_4_bits(void)
{
    return quantized(4, 8, 4, 2, 2);
}

static struct c2s_model *dense_4_bits(void)
{
    return quantized(4, 8, 2, 2, 4);
}

static struct c2s_model *activation_4_bits(void)
{
    return quantized(4, 8, 2, 4, 2);
}

static struct c2s_model *dense_60000(void)
{
    return quantized(100, 6, 2, 2, 2);
}

static struct c2s_model *dense_90000(void)
{
    return quantized(100, 9, 2, 2, 2);
}

static struct c2s_model *dense_first(void)
{
    struct c2s_model *m = chain_create(0, 0, 20);
    chain_quantize(chain_dense(m, "conv_1", 8), 2);
    chain_finish(m);
    return m;
}

static struct c2s_model *separable_4_bits(void)
{
    struct c2s_model *m = chain_create(8, 8, 8);
    chain_quantize(chain_separable(m, "conv_1", 8, 3), 4);
    chain_quantized_relu(m, "act_1", 4);
    chain_quantize(chain_conv(m, "conv_2", 8, 3), 2);
    chain_quantized_relu(m, "act_2", 4);
    chain_finish(m);
    return m;
}

/* The errors of level akd1000 in each profile; "" = none. */
static const struct {
    struct c2s_model *(*build)(void);
    const char *production, *preproduction, *layer;
    bool is_image;
} cases[] = {
    {image, "E040", "E067", "conv_1", true},
    {plain, "", "", NULL},
    {strided, "", "E048", "conv_1"},
    {pool_of_3, "E049", "", "pool"},
    {pool_of_4, "E049", "E049", "pool"},
    {kernel_over_input, "", "E049", "pool"},
    {average_16, "", "", NULL},
    {average_12, "", "E051", "conv_1"},
    {average_high, "E051", "", "conv_1"},
    {average_wide, "", "E051", "conv_1"},
    {average_12_filters, "", "E051", "conv_1"},
    {many_filters, "E052", "", "conv_1"},
    {two_bits, "", "", NULL},
    {conv_4_bits, "", "E054", "conv_1"},
    {dense_4_bits, "", "E054", "dense"},
    {activation_4_bits, "", "E068", "dense"},
    {dense_60000, "E053", "", "dense"},
    {dense_90000, "E053", "E053", "dense"},
    {dense_first, "", "E068", "conv_1"},
    {separable_4_bits, "", "", NULL},
};

static void each_profile_finds_its_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int p = C2S_PROFILE_PRODUCTION; p <= C2S_PROFILE_PREPRODUCTION; p++) {
            struct c2s_model *m = cases[i].build();
            const char *id =
                p == C2S_PROFILE_PRODUCTION ? cases[i].production : cases[i].preproduction;
            struct c2s_findings f = run_check_with(
                m, &(struct c2s_check_options){.level = C2S_LEVEL_AKD1000,
                                               .input_is_integers = !cases[i].is_image,
                                               .profile = (enum c2s_profile)p});
            for (int k = 0; k < f.n_rows; k++)
                if (f.rows[k].rule->severity == C2S_ERROR &&
                    (strcmp(f.rows[k].rule->id, id) != 0 ||
                     strcmp(m->layers[f.rows[k].layer]->name, cases[i].layer) != 0))
                    fail_msg("case %zu, %s: %s: %s", i, c2s_profile_name((enum c2s_profile)p),
                             f.rows[k].rule->id, f.rows[k].text);
            if (f.n_errors != (id[0] != '\0'))
                fail_msg("case %zu, %s: %d errors", i, c2s_profile_name((enum c2s_profile)p),
                         f.n_errors);
            c2s_findings_finish(&f);
            c2s_model_destroy(m);
        }
}

static int count_warnings(const struct c2s_model *m, enum c2s_profile profile)
{
    struct c2s_findings f = run_check_with(
        m, &(struct c2s_check_options){
               .level = C2S_LEVEL_AKD1000, .input_is_integers = true, .profile = profile});
    int n = count_rule(&f, "W069");
    c2s_findings_finish(&f);
    return n;
}

/* Layers that are float are warned about where the usual 4 bits will not do. */
static void bits_to_come_are_told(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(8, 8, 8);
    chain_conv(m, "conv_1", 8, 3);
    chain_relu(m, "relu_1");
    chain_separable(m, "sep", 8, 3);
    chain_relu(m, "relu_2");
    chain_rear(m);
    chain_finish(m);
    assert_int_equal(count_warnings(m, C2S_PROFILE_PRODUCTION), 0);
    /* conv_1, dense, and relu_2 in front of it; separable layers hold 4 bits. */
    assert_int_equal(count_warnings(m, C2S_PROFILE_PREPRODUCTION), 3);
    c2s_model_destroy(m);
    m = two_bits();
    assert_int_equal(count_warnings(m, C2S_PROFILE_PREPRODUCTION), 0);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_profile_finds_its_errors),
        cmocka_unit_test(bits_to_come_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
