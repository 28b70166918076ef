/* Fuzz target: Akida images. A network that is accepted must run, and be written and read again. */
#include "fuzz.h"

#include <c2s/akida.h>

enum { MOST_WORK = 1 << 22 };

/* Multiplications of a run, about; and the memory it takes. */
static double work_of(const struct c2s_akida_net *net)
{
    double work = 0;
    for (int i = 0; i < net->n_layers; i++) {
        const struct c2s_akida_layer *l = &net->layers[i];
        double area = (double)l->input_dims[0] * l->input_dims[1];
        work += area * l->input_dims[2] * (1.0 + l->filters) * l->kernel[0] * l->kernel[1] +
                area * l->filters * l->pool_size[0] * l->pool_size[1];
    }
    return work;
}

static void run(const struct c2s_akida_net *net)
{
    struct c2s_error err = {0};
    struct c2s_tensor *x, *y = NULL;
    const int *in = net->layers[0].input_dims;
    int64_t dims[] = {1, in[0], in[1], in[2]};
    if (!(x = c2s_tensor_create(C2S_U8, 4, dims, &err)))
        fuzz_abort("no memory for the sample");
    for (int64_t i = 0; i < c2s_tensor_count(x); i++)
        c2s_u8(x)[i] = (uint8_t)(i * 37);
    for (int fast = 0; fast < 2; fast++) {
        err = (struct c2s_error){0};
        fuzz_answer(c2s_akida_forward(net, x, fast, NULL, NULL, &y, &err), &err);
        c2s_tensor_unref(y);
        y = NULL;
    }
    c2s_tensor_unref(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    struct c2s_akida_net *net = NULL;
    fuzz_begin(size);
    bool ok = c2s_akida_image_read(fuzz_file(data, size), &net, &err);
    fuzz_end();
    fuzz_answer(ok, &err);
    if (ok && work_of(net) <= MOST_WORK)
        run(net);
    c2s_akida_net_destroy(net);
    return 0;
}
