/* A training of a model file, step by step in a fixed order of samples. */
#include "training_steps.h"

#include <c2s/keras.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool prepare_model(struct training_steps *t, const char *path, struct c2s_error *err)
{
    if (!c2s_keras_read(path, NULL, &t->model, err))
        return false;
    for (int i = 0; i < t->model->n_layers; i++)
        if (t->model->layers[i]->op == C2S_OP_DROPOUT)
            t->model->layers[i]->attr.dropout.rate = 0;
    return c2s_model_own_parameters(t->model, err);
}

static bool prepare_batch(struct training_steps *t, int batch, struct c2s_error *err)
{
    const struct c2s_layer *in = t->model->layers[t->model->inputs[0]];
    int64_t dims[C2S_MAX_RANK] = {batch};
    memcpy(dims + 1, in->dims, sizeof *dims * (size_t)in->rank);
    t->x = c2s_tensor_create(C2S_F32, in->rank + 1, dims, err);
    t->labels = calloc((size_t)batch, sizeof *t->labels);
    t->loss = c2s_loss_of(C2S_LOSS_AUTO, t->model);
    t->loss.labels = t->labels;
    return t->x && t->labels;
}

bool steps_start(struct training_steps *t, const struct steps_options *options,
                 struct c2s_error *err)
{
    struct c2s_gradients_options gradients = {.max_batch = options->batch};
    struct c2s_optimizer_options optimizer = {.kind = options->optimizer,
                                              .momentum = options->momentum};
    const struct c2s_parameter *parameters;
    int n;
    *t = (struct training_steps){.learning_rate = options->learning_rate};
    struct c2s_dataset_options dataset = {.scale = options->scale > 0 ? options->scale : 255};
    if (!c2s_dataset_open(options->data, &dataset, &t->data, err) ||
        !prepare_model(t, options->model, err) || !prepare_batch(t, options->batch, err) ||
        !c2s_gradients_create(options->engine, t->model, &gradients, &t->gradients, err))
        return false;
    parameters = c2s_gradients_parameters(t->gradients, &n);
    return c2s_optimizer_create(&optimizer, parameters, n, &t->optimizer, err);
}

static bool fill_sample(struct training_steps *t, int64_t sample, struct c2s_error *err)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(t->data);
    int64_t batch = t->x->dims[0], n = c2s_tensor_count(t->x) / batch, pixels = 28 * 28;
    int64_t image = (t->step * batch + sample) % info->n, first = n < pixels ? (pixels - n) / 2 : 0;
    struct c2s_tensor *x;
    if (!c2s_dataset_keras(t->data, image, 1, &x, err))
        return false;
    for (int64_t i = 0; i < n; i++)
        c2s_f32(t->x)[sample * n + i] = c2s_f32(x)[(first + i) % pixels];
    c2s_tensor_unref(x);
    t->labels[sample] = c2s_dataset_labels(t->data)[image] % (int32_t)t->loss.units;
    return true;
}

bool steps_gradients(struct training_steps *t, double *loss, struct c2s_error *err)
{
    struct c2s_loss_sum sum;
    struct c2s_batch_loss batch_loss = c2s_loss_batch(&t->loss);
    for (int64_t i = 0; i < t->x->dims[0]; i++)
        if (!fill_sample(t, i, err))
            return false;
    if (!c2s_gradients_compute(t->gradients, t->x, t->step, &batch_loss, &sum, err))
        return false;
    *loss = sum.loss / (double)t->x->dims[0];
    return true;
}

void steps_apply(struct training_steps *t)
{
    c2s_optimizer_step(t->optimizer, t->learning_rate);
    t->step++;
}

void steps_visit_gradients(const struct training_steps *t, const struct steps_visitor *v)
{
    int n;
    char name[256];
    const struct c2s_parameter *p = c2s_gradients_parameters(t->gradients, &n);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "gradient/%s/%s", t->model->layers[p[i].layer]->name,
                 c2s_role_name(p[i].role));
        v->number(v->arg, name, p[i].gradient);
    }
}

void steps_visit_weights(const struct training_steps *t, int step, const struct steps_visitor *v)
{
    char name[256];
    for (int i = 0; i < t->model->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            struct c2s_tensor *w = t->model->layers[i]->params[role];
            snprintf(name, sizeof name, "weights%d/%s/%s", step, t->model->layers[i]->name,
                     c2s_role_name((enum c2s_role)role));
            if (w)
                v->number(v->arg, name, w);
        }
}

void steps_visit_moments(const struct training_steps *t, const struct steps_visitor *v)
{
    int n, n_moments;
    char name[256];
    const struct c2s_parameter *p = c2s_gradients_parameters(t->gradients, &n);
    struct c2s_tensor *const *moments = c2s_optimizer_moments(t->optimizer, &n_moments);
    for (int i = 0; i < n_moments; i++) {
        const struct c2s_parameter *of = &p[i / (n_moments / n)];
        snprintf(name, sizeof name, "moment%d/%s/%s", i % (n_moments / n),
                 t->model->layers[of->layer]->name, c2s_role_name(of->role));
        v->number(v->arg, name, moments[i]);
    }
}

void steps_finish(struct training_steps *t)
{
    c2s_optimizer_destroy(t->optimizer);
    c2s_gradients_destroy(t->gradients);
    c2s_tensor_unref(t->x);
    free(t->labels);
    c2s_dataset_close(t->data);
    c2s_model_destroy(t->model);
    *t = (struct training_steps){0};
}
