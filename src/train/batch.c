/* Batches: samples gathered, augmented, with their labels and what a teacher says of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "train/trainer.h"

/* Images can be moved; rows of numbers cannot. */
static bool prepare_image(struct trainer *t, struct c2s_error *err)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(t->training.data);
    if (!t->options.augment.flip && t->options.augment.shift == 0)
        return true;
    char shape[96];
    if (info->rank != 3)
        return c2s_fail(err, C2S_RANGE,
                        "only images can be flipped and shifted; samples of '%s' are of %s; train "
                        "without augmentation",
                        info->name, c2s_shape_text(info->rank, info->dims, shape, sizeof shape));
    if (t->options.augment.shift >= info->dims[0] || t->options.augment.shift >= info->dims[1])
        return c2s_fail(
            err, C2S_RANGE, "a shift by up to %d pixels leaves nothing of samples of %s; use less",
            t->options.augment.shift, c2s_shape_text(info->rank, info->dims, shape, sizeof shape));
    t->image = (struct train_image){.height = info->dims[0],
                                    .width = info->dims[1],
                                    .channels = info->dims[2],
                                    .background = (0 - (float)info->shift) / (float)info->scale};
    int64_t n = info->dims[0] * info->dims[1] * info->dims[2];
    t->image.scratch = c2s_malloc(sizeof(float) * (size_t)n);
    return t->image.scratch || c2s_fail_nomem(err);
}

bool train_prepare_batches(struct trainer *t, struct c2s_error *err)
{
    int64_t dims[C2S_MAX_RANK] = {t->options.batch};
    size_t batch = (size_t)t->options.batch, outputs = batch * (size_t)t->fit.units;
    memcpy(dims + 1, t->fit.input->dims, sizeof *dims * (size_t)t->fit.input->rank);
    t->x = c2s_tensor_create(C2S_F32, t->fit.input->rank + 1, dims, err);
    t->labels = c2s_malloc(sizeof *t->labels * batch);
    t->slopes = c2s_malloc(sizeof *t->slopes * outputs);
    t->loss = c2s_loss_of(t->options.loss, t->request->model);
    t->loss.labels = t->labels;
    t->order = c2s_malloc(sizeof *t->order * (size_t)(t->training.n + 1));
    if (!t->x || !t->labels || !t->slopes || !t->order)
        return c2s_fail_nomem(err);
    return prepare_image(t, err);
}

bool train_prepare_teacher(struct trainer *t, struct c2s_error *err)
{
    const struct c2s_model *teacher = t->request->teacher;
    struct train_fit fit;
    if (!teacher || t->options.teacher_share == 0)
        return true;
    if (!train_fit(teacher, t->training.data, &fit, err))
        return c2s_fail_at(err, "teacher");
    if (fit.units != t->fit.units)
        return c2s_fail(err, C2S_SHAPE,
                        "the teacher gives %lld numbers for a sample, the model %lld; choose a "
                        "teacher for the same classes",
                        (long long)fit.units, (long long)t->fit.units);
    if (t->options.loss != C2S_LOSS_AUTO && t->options.loss != C2S_LOSS_CROSSENTROPY)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "a teacher goes with the loss crossentropy; leave out --loss or --distill");
    t->teacher_is_probability = fit.ending != TRAIN_ENDS_PLAIN;
    t->teacher_outputs =
        c2s_malloc(sizeof(float) * (size_t)t->options.batch * (size_t)t->fit.units);
    struct c2s_engine_options options = {.max_batch = t->options.batch};
    t->loss.teacher = t->teacher_outputs;
    t->loss.teacher_share = t->options.teacher_share;
    return (t->teacher_outputs || c2s_fail_nomem(err)) &&
           c2s_engine_create(t->options.engine, teacher, &options, &t->teacher, err);
}

/* Numbers that become p by softmax or sigmoid; 1e-7 as in Keras' crossentropy. */
static void to_logits(int64_t units, float *values)
{
    for (int64_t i = 0; i < units; i++) {
        double p = fmin(fmax((double)values[i], 1e-7), 1 - 1e-7);
        values[i] = (float)(units == 1 ? log(p / (1 - p)) : log(p));
    }
}

static void to_probabilities(int64_t units, float *values)
{
    double sum = 0, largest = (double)values[0];
    if (units == 1) {
        values[0] = (float)(1 / (1 + exp(-largest)));
        return;
    }
    for (int64_t i = 1; i < units; i++)
        largest = fmax(largest, (double)values[i]);
    for (int64_t i = 0; i < units; i++)
        sum += exp((double)values[i] - largest);
    for (int64_t i = 0; i < units; i++)
        values[i] = (float)(exp((double)values[i] - largest) / sum);
}

/* The loss wants the teacher to speak as the model does. */
static bool ask_teacher(struct trainer *t, int64_t n, struct c2s_error *err)
{
    struct c2s_tensor *out = NULL;
    int64_t units = t->fit.units;
    if (!c2s_engine_run(t->teacher, (const struct c2s_tensor *const[]){t->x}, &out, NULL, err))
        return c2s_fail_at(err, "teacher");
    memcpy(t->teacher_outputs, out->data, sizeof(float) * (size_t)(n * units));
    c2s_tensor_unref(out);
    if (t->teacher_is_probability == t->loss.is_probability)
        return true;
    for (int64_t i = 0; i < n; i++)
        (t->loss.is_probability ? to_probabilities : to_logits)(units,
                                                                t->teacher_outputs + i * units);
    return true;
}

bool train_batch(struct trainer *t, const struct train_set *set, const int64_t *places, int64_t n,
                 int epoch, struct c2s_error *err)
{
    bool is_training = set == &t->training;
    const int32_t *labels = c2s_dataset_labels(set->data);
    t->x->dims[0] = n;
    if (!c2s_dataset_gather(set->data, places, n, c2s_f32(t->x), err))
        return false;
    for (int64_t i = 0; i < n; i++)
        t->labels[i] = labels[places[i]];
    int64_t row = c2s_tensor_count(t->x) / n;
    for (int64_t i = 0; is_training && t->image.scratch && i < n; i++)
        train_augment(&t->options.augment, &t->image, t->options.seed, epoch, places[i],
                      c2s_f32(t->x) + i * row);
    return !is_training || !t->teacher || ask_teacher(t, n, err);
}
