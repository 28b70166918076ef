/* Integer execution of one Akida layer by plain loops: the meaning of the layer and the judge of
 * the fast loops. Which loops run is decided in runner.c. */
#include "akida/simulate.h"

#include <math.h>
#include <string.h>

#include "akida/layout.h"
#include "base/alloc.h"

void akida_geometry(const struct c2s_akida_layer *l, struct akida_geometry *g)
{
    memset(g, 0, sizeof *g);
    for (int i = 0; i < 3; i++) {
        g->in[i] = l->input_dims[i];
        g->out[i] = l->output_dims[i];
    }
    if (l->type == C2S_AKIDA_FULLY_CONNECTED || l->type == C2S_AKIDA_INPUT_DATA) {
        memcpy(g->conv, g->out, sizeof g->conv);
        return;
    }
    for (int i = 0; i < 2; i++) {
        g->conv[i] =
            c2s_window_length(g->in[i], l->kernel[i], l->strides[i], 1, l->padding, &g->pad[i]);
        bool is_max = l->pool == C2S_AKIDA_MAX_POOL;
        g->pool_size[i] = is_max ? l->pool_size[i] : (int)g->conv[i];
        g->pool_strides[i] = is_max ? l->pool_strides[i] : (int)g->conv[i];
        if (is_max)
            c2s_window_length(g->conv[i], g->pool_size[i], g->pool_strides[i], 1, l->pool_padding,
                              &g->pool_pad[i]);
    }
    g->conv[2] = l->filters;
}

bool akida_plain_weights(const struct c2s_akida_layer *l, int8_t **out, struct c2s_error *err)
{
    size_t n = l->weights ? (size_t)c2s_tensor_count(l->weights) : 0;
    int8_t *plain = *out = c2s_aligned(n);
    if (!plain)
        return c2s_fail_nomem(err);
    if (n == 0)
        return true;
    const int8_t *w = c2s_i8(l->weights);
    int taps = l->kernel[0] * l->kernel[1];
    if (l->type == C2S_AKIDA_INPUT_CONVOLUTIONAL) {
        memcpy(plain, w, n);
    } else if (l->type == C2S_AKIDA_FULLY_CONNECTED) {
        akida_dense_to_keras(plain, w, l->input_dims, l->filters);
    } else {
        akida_flip(plain, w, taps, (int64_t)n / taps);
    }
    return true;
}

int64_t c2s_akida_step(const struct c2s_akida_layer *l, int filter)
{
    double steps = floor((double)c2s_f32(l->act_step)[filter] * 16);
    /* Beyond 2^40 no 32-bit potential reaches a second level: the cap changes nothing. */
    return steps < 0x1p40 ? (int64_t)steps : INT64_C(1) << 40;
}

bool akida_put_potential(int64_t value, int32_t *to, const struct c2s_akida_layer *l,
                         struct c2s_error *err)
{
    *to = (int32_t)value;
    return *to == value || c2s_fail(err, C2S_RANGE,
                                    "layer '%s' has a potential of %lld, beyond 32 bits; use fewer "
                                    "bits or inputs",
                                    l->name, (long long)value);
}

/* Input value at (h, v, c) of one sample, with padding around it. */
static int64_t pixel(const struct c2s_akida_layer *l, const uint8_t *x, int64_t h, int64_t v, int c)
{
    if (h < 0 || v < 0 || h >= l->input_dims[0] || v >= l->input_dims[1])
        return l->type == C2S_AKIDA_INPUT_CONVOLUTIONAL ? l->padding_value : 0;
    return x[(h * l->input_dims[1] + v) * l->input_dims[2] + c];
}

/* One sum of a convolution over the given channels {first, end}; a depthwise kernel has filter 0
 * alone. */
static int64_t window_sum(const struct c2s_akida_layer *l, const uint8_t *x, const int8_t *plain,
                          const int64_t at[2], int channels[2], int filter)
{
    bool is_depthwise = l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL;
    int C = l->input_dims[2], N = is_depthwise ? 1 : l->filters;
    int64_t sum = 0;
    for (int i = 0; i < l->kernel[0]; i++)
        for (int k = 0; k < l->kernel[1]; k++)
            for (int c = channels[0]; c < channels[1]; c++)
                sum += pixel(l, x, at[0] + i, at[1] + k, c) *
                       plain[((size_t)(i * l->kernel[1] + k) * C + c) * N + filter];
    return sum;
}

/* One output pixel, all filters. dw: scratch of C sums. */
static bool convolve_pixel(const struct c2s_akida_layer *l, const int8_t *plain, const uint8_t *x,
                           const int64_t at[2], int32_t *y, int64_t *dw, struct c2s_error *err)
{
    int C = l->input_dims[2];
    bool ok = true;
    if (l->type != C2S_AKIDA_SEPARABLE_CONVOLUTIONAL) {
        for (int n = 0; ok && n < l->filters; n++)
            ok = akida_put_potential(window_sum(l, x, plain, at, (int[]){0, C}, n), &y[n], l, err);
        return ok;
    }
    for (int c = 0; c < C; c++)
        dw[c] = window_sum(l, x, plain, at, (int[]){c, c + 1}, 0);
    for (int n = 0; ok && n < l->filters; n++) {
        int64_t sum = 0;
        for (int c = 0; c < C; c++)
            sum += dw[c] * c2s_i8(l->weights_pw)[(size_t)c * l->filters + n];
        ok = akida_put_potential(sum, &y[n], l, err);
    }
    return ok;
}

static bool convolve(const struct c2s_akida_layer *l, const int8_t *plain, const uint8_t *x,
                     int64_t batch, int32_t *y, struct c2s_error *err)
{
    struct akida_geometry g;
    akida_geometry(l, &g);
    int64_t *dw = c2s_malloc(sizeof *dw * (size_t)g.in[2]);
    bool ok = dw || c2s_fail_nomem(err);
    int64_t in_size = g.in[0] * g.in[1] * g.in[2];
    for (int64_t b = 0; ok && b < batch; b++)
        for (int64_t h = 0; ok && h < g.conv[0]; h++)
            for (int64_t v = 0; ok && v < g.conv[1]; v++, y += l->filters) {
                int64_t at[2] = {h * l->strides[0] - g.pad[0], v * l->strides[1] - g.pad[1]};
                ok = convolve_pixel(l, plain, x + b * in_size, at, y, dw, err);
            }
    c2s_free(dw);
    return ok;
}

static bool dense(const struct c2s_akida_layer *l, const int8_t *plain, const uint8_t *x,
                  int64_t batch, int32_t *y, struct c2s_error *err)
{
    int64_t K = (int64_t)l->input_dims[0] * l->input_dims[1] * l->input_dims[2];
    bool ok = true;
    for (int64_t b = 0; ok && b < batch; b++)
        for (int n = 0; ok && n < l->filters; n++) {
            int64_t sum = 0;
            for (int64_t k = 0; k < K; k++)
                sum += (int64_t)x[b * K + k] * plain[k * l->filters + n];
            ok = akida_put_potential(sum, &y[b * l->filters + n], l, err);
        }
    return ok;
}

/* One pooled value: the largest potential under the window, or for averages their sum. */
static int64_t pooled(const struct c2s_akida_layer *l, const struct akida_geometry *g,
                      const int32_t *x, const int64_t at[2], int n)
{
    bool is_max = l->pool == C2S_AKIDA_MAX_POOL;
    int64_t result = is_max ? INT64_MIN : 0;
    for (int64_t h = at[0]; h < at[0] + g->pool_size[0]; h++)
        for (int64_t v = at[1]; v < at[1] + g->pool_size[1]; v++) {
            if (h < 0 || v < 0 || h >= g->conv[0] || v >= g->conv[1])
                continue;
            int64_t p = x[(h * g->conv[1] + v) * l->filters + n];
            result = !is_max ? result + p : p > result ? p : result;
        }
    return result;
}

bool akida_naive_pool(const struct c2s_akida_layer *l, const int32_t *x, int64_t batch, int32_t *y,
                      struct c2s_error *err)
{
    struct akida_geometry g;
    akida_geometry(l, &g);
    bool ok = true;
    for (int64_t b = 0; ok && b < batch; b++, x += g.conv[0] * g.conv[1] * g.conv[2])
        for (int64_t h = 0; ok && h < g.out[0]; h++)
            for (int64_t v = 0; ok && v < g.out[1]; v++) {
                int64_t at[2] = {h * g.pool_strides[0] - g.pool_pad[0],
                                 v * g.pool_strides[1] - g.pool_pad[1]};
                for (int n = 0; ok && n < l->filters; n++)
                    ok = akida_put_potential(pooled(l, &g, x, at, n), y++, l, err);
            }
    return ok;
}

bool akida_naive_potentials(const struct c2s_akida_layer *l, const int8_t *plain, const uint8_t *x,
                            int64_t batch, int32_t *y, struct c2s_error *err)
{
    if (l->type == C2S_AKIDA_FULLY_CONNECTED)
        return dense(l, plain, x, batch, y, err);
    if (l->pool == C2S_AKIDA_NO_POOL)
        return convolve(l, plain, x, batch, y, err);
    struct akida_geometry g;
    akida_geometry(l, &g);
    int32_t *p = c2s_aligned(sizeof *p * (size_t)(batch * g.conv[0] * g.conv[1] * g.conv[2]));
    bool ok = (p || c2s_fail_nomem(err)) && convolve(l, plain, x, batch, p, err) &&
              akida_naive_pool(l, p, batch, y, err);
    c2s_free(p);
    return ok;
}

void akida_naive_activation(const struct c2s_akida_layer *l, const int32_t *p, int64_t n,
                            uint8_t *y)
{
    int64_t top = (1 << l->act_bits) - 1;
    for (int64_t i = 0; i < n; i++) {
        int filter = (int)(i % l->filters);
        int64_t above = (int64_t)p[i] - c2s_i32(l->threshold)[filter];
        int64_t step = c2s_akida_step(l, filter);
        int64_t level = 0;
        /* S = step / 2^bits, so above / S = above * 2^bits / step: integers, rounded up. A step
         * below 1/16 is floored to 0, the limit of ever smaller steps: any excess is the top. */
        if (above > 0 && step > 0)
            level = ((above << l->act_bits) + step - 1) / step;
        else if (above > 0)
            level = top;
        y[i] = (uint8_t)(level < top ? level : top);
    }
}
