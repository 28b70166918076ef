/* The values and labels of data, as the rules about data are told of them. */
#include "session/private.h"

#include <float.h>
#include <math.h>

#include "base/alloc.h"

/* How far a whole number may be off for the rounding of float32. */
#define WHOLE 1e-3

struct chip_input session_chip_input(struct c2s_session *session, const struct c2s_model *m)
{
    struct c2s_error inner = {0};
    struct chip_input chip = {.largest = c2s_session_takes_integers(m) ? 15 : 255};
    chip.is_known = c2s_session_input_scaling(session, m, &chip.scale, &chip.shift, &inner);
    return chip;
}

/* Raw = keras * scale + shift, up to the rounding of the Keras value to float32: a whole number is
 * taken back as one. */
static double raw_value(const struct c2s_dataset_info *info, double keras, bool *is_integer)
{
    double raw = keras * info->scale + info->shift, whole = rint(raw);
    double tolerance = info->scale == 1 && info->shift == 0
                           ? 0
                           : 4 * (double)FLT_EPSILON * (fabs(raw) + fabs(info->shift));
    *is_integer = fabs(raw - whole) <= tolerance;
    return *is_integer ? whole : raw;
}

static void look_at_chip_input(const struct chip_input *chip, double keras,
                               struct c2s_data_facts *f)
{
    double value = chip->scale * keras + chip->shift;
    f->n_values++;
    f->n_below += value < -WHOLE;
    f->n_above += value > chip->largest + WHOLE;
    f->n_not_whole += fabs(value - rint(value)) > WHOLE;
}

void session_look_at_values(const struct c2s_dataset_info *info, const struct chip_input *chip,
                            const struct c2s_tensor *x, struct c2s_data_facts *f)
{
    int64_t n = c2s_tensor_count(x);
    for (int64_t i = 0; i < n; i++) {
        double keras = c2s_f32(x)[i];
        if (!isfinite(keras)) {
            f->n_not_finite++;
            continue;
        }
        bool is_integer;
        double raw = raw_value(info, keras, &is_integer);
        f->raw_is_integer = f->raw_is_integer && is_integer;
        f->raw_min = fmin(f->raw_min, raw);
        f->raw_max = fmax(f->raw_max, raw);
        f->keras_min = fmin(f->keras_min, keras);
        f->keras_max = fmax(f->keras_max, keras);
        if (chip->is_known)
            look_at_chip_input(chip, keras, f);
    }
}

/* Classes that the model can tell apart: its outputs; 0 = not known. */
static int64_t count_classes(const struct c2s_model *m)
{
    int64_t n = m->n_outputs == 1 ? 1 : 0;
    const struct c2s_layer *last = n ? m->layers[m->outputs[0]] : NULL;
    if (!last || last->rank < 1)
        return 0;
    for (int i = 0; i < last->rank; i++)
        n *= last->dims[i];
    return n > 0 ? n : 0;
}

bool session_look_at_labels(const struct c2s_dataset *data, const struct c2s_model *m,
                            struct c2s_data_facts *f, struct c2s_error *err)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(data);
    const int32_t *labels = c2s_dataset_labels(data);
    int64_t n_classes = count_classes(m);
    uint8_t *was_seen = c2s_calloc((size_t)info->n_classes + 1, 1);
    if (!was_seen)
        return c2s_fail_nomem(err);
    f->has_labels = labels && info->n > 0;
    f->label_min = f->label_max = f->has_labels ? labels[0] : 0;
    for (int64_t i = 0; f->has_labels && i < info->n; i++) {
        int32_t label = labels[i];
        if (label < f->label_min)
            f->label_min = label;
        if (label > f->label_max)
            f->label_max = label;
        /* One output is a yes or no: its labels are 0 and 1. */
        f->n_labels_outside +=
            label < 0 || (n_classes > 0 && label >= (n_classes == 1 ? 2 : n_classes));
        if (label >= 0 && label < info->n_classes && !was_seen[label]) {
            was_seen[label] = 1;
            f->n_classes_seen++;
        }
    }
    c2s_free(was_seen);
    return true;
}
