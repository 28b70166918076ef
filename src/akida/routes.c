/* Which fast route is exact: bounds on everything a layer can sum up, from its own weights. */
#include "akida/routes.h"

struct bounds {
    int64_t sum;     /* largest |potential| any input can give */
    int64_t product; /* largest |input * weight| */
};

static int64_t largest_input(const struct c2s_akida_layer *l)
{
    return (1 << l->input_bits) - 1;
}

/* weights: [taps][columns]; each column is summed on its own. */
static struct bounds bound_columns(const int8_t *weights, int64_t taps, int64_t columns,
                                   int64_t input)
{
    struct bounds b = {0, 0};
    for (int64_t n = 0; n < columns; n++) {
        int64_t sum = 0;
        for (int64_t k = 0; k < taps; k++) {
            int64_t w = weights[k * columns + n];
            w = w < 0 ? -w : w;
            sum += w * input;
            b.product = w * input > b.product ? w * input : b.product;
        }
        b.sum = sum > b.sum ? sum : b.sum;
    }
    return b;
}

/* AVX2 adds pairs of products in 16 bits that saturate: both must fit. */
static bool is_exact_in_integers(struct bounds b)
{
    return 2 * b.product <= INT16_MAX && b.sum <= INT32_MAX;
}

static bool is_exact_in_float(struct bounds b)
{
    return b.sum <= INT64_C(1) << 24;
}

static struct bounds bound_first(const struct c2s_akida_layer *l, const int8_t *plain)
{
    int64_t taps = l->type == C2S_AKIDA_FULLY_CONNECTED
                       ? (int64_t)l->input_dims[0] * l->input_dims[1] * l->input_dims[2]
                       : (int64_t)l->kernel[0] * l->kernel[1] * l->input_dims[2];
    if (l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL)
        return bound_columns(plain, (int64_t)l->kernel[0] * l->kernel[1], l->input_dims[2],
                             largest_input(l));
    return bound_columns(plain, taps, l->filters, largest_input(l));
}

enum route akida_choose_route(const struct c2s_akida_layer *l, const int8_t *plain, bool pads_input)
{
    struct bounds first = bound_first(l, plain);
    if (pads_input && (l->padding_value < 0 || l->padding_value > 255))
        return ROUTE_LOOPS;
    bool in_integers = is_exact_in_integers(first), in_float = is_exact_in_float(first);
    if (l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL) {
        struct bounds second =
            bound_columns(c2s_i8(l->weights_pw), l->input_dims[2], l->filters, first.sum);
        if (!in_float || !is_exact_in_float(second))
            return ROUTE_LOOPS;
    }
    if (!in_float)
        return in_integers ? ROUTE_WIDE : ROUTE_LOOPS;
    return in_integers ? ROUTE_INTEGER : ROUTE_FLOAT;
}
