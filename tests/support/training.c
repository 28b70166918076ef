/* Small images that can be learned, and small models to learn them. */
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nets.h"
#include "support.h"

static void write_idx(const char *folder, const char *name, int n, bool are_images,
                      struct random *r)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    const uint8_t head[16] = {
        0, 0, 8, are_images ? 3 : 1, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, TINY_SIZE,
        0, 0, 0, TINY_SIZE};
    fwrite(head, 1, are_images ? 16 : 8, f);
    for (int i = 0; i < n; i++)
        if (!are_images)
            fputc(i % TINY_CLASSES, f);
        else
            for (int p = 0; p < TINY_SIZE * TINY_SIZE; p++)
                fputc(random_int(r, 0, 120) + (p / (2 * TINY_SIZE) == i % TINY_CLASSES ? 90 : 0),
                      f);
    assert_int_equal(fclose(f), 0);
}

char *tiny_folder(int n)
{
    struct random r = {.state = 11};
    char *folder = make_temp_dir();
    write_idx(folder, "train-images-idx3-ubyte", n, true, &r);
    write_idx(folder, "train-labels-idx1-ubyte", n, false, &r);
    write_idx(folder, "t10k-images-idx3-ubyte", n, true, &r);
    write_idx(folder, "t10k-labels-idx1-ubyte", n, false, &r);
    return folder;
}

struct c2s_dataset *tiny_data(const char *folder)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    struct c2s_dataset_options options = {.scale = 255, .split = "train"};
    assert_ok(c2s_dataset_open(folder, &options, &d, &err), &err);
    return d;
}

static void add_batch_norm(struct c2s_model *m, int channels)
{
    const int64_t dims[] = {channels};
    const float zeros[16] = {0}, ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    int last = m->n_layers - 1;
    struct c2s_layer *l = net_layer(m, C2S_OP_BATCH_NORM, 1, &last);
    l->attr.batch_norm.epsilon = 1e-3f;
    net_param(l, C2S_GAMMA, 1, dims, ones);
    net_param(l, C2S_BETA, 1, dims, zeros);
    net_param(l, C2S_MOVING_MEAN, 1, dims, zeros);
    net_param(l, C2S_MOVING_VARIANCE, 1, dims, ones);
}

struct c2s_model *tiny_model(unsigned seed)
{
    struct random r = {.state = seed + 1};
    struct c2s_model *m = net_create();
    int last = net_input(m, 3, (const int64_t[]){TINY_SIZE, TINY_SIZE, 1});
    struct c2s_layer *conv = net_layer(m, C2S_OP_CONV2D, 1, &last);
    conv->attr.conv.filters = 4;
    conv->attr.conv.use_bias = false;
    conv->attr.conv.kernel[0] = conv->attr.conv.kernel[1] = 3;
    c2s_layer_set_param(conv, C2S_KERNEL,
                        random_tensor(&r, 4, (const int64_t[]){3, 3, 1, 4}, -0.4f, 0.4f));
    add_batch_norm(m, 4);
    for (enum c2s_op const *op =
             (const enum c2s_op[]){C2S_OP_RELU, C2S_OP_FLATTEN, C2S_OP_DROPOUT, C2S_OP_UNKNOWN};
         *op != C2S_OP_UNKNOWN; op++) {
        last = m->n_layers - 1;
        net_layer(m, *op, 1, &last);
    }
    m->layers[m->n_layers - 1]->attr.dropout.rate = 0.2f;
    last = m->n_layers - 1;
    struct c2s_layer *dense = net_layer(m, C2S_OP_DENSE, 1, &last);
    const int64_t inputs = (TINY_SIZE - 2) * (TINY_SIZE - 2) * 4;
    dense->attr.dense.units = TINY_CLASSES;
    dense->attr.dense.use_bias = true;
    c2s_layer_set_param(dense, C2S_KERNEL,
                        random_tensor(&r, 2, (const int64_t[]){inputs, TINY_CLASSES}, -0.1f, 0.1f));
    net_param(dense, C2S_BIAS, 1, (const int64_t[]){TINY_CLASSES}, (const float[3]){0});
    last = m->n_layers - 1;
    net_layer(m, C2S_OP_SOFTMAX, 1, &last);
    net_finish(m);
    return m;
}

struct c2s_train_options tiny_options(void)
{
    struct c2s_train_options o = c2s_train_defaults();
    o.engine = "ref";
    o.batch = 16;
    o.learning_rate = 0.01;
    o.validation = 0.25;
    return o;
}
