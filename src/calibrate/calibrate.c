/* Calibration: checks what is asked, has it done on a copy, measures how far the function moved. */
#include "calibrate/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { MOST_COMPARED = 256 }; /* samples for the difference of the function */

struct kind {
    const char *name;
    bool (*run)(struct calibration *c, struct c2s_error *err);
    const char *subject; /* what it works on, when a model has none */
    const char *looks_at;
    bool needs_data;
};

static const struct kind kinds[] = {
    [C2S_CALIBRATE_RANGES] = {"ranges", calibrate_ranges,
                              "no activation whose range could be set; quantize needs ReLU layers",
                              "ReLU layers and quantized activations", true},
    [C2S_CALIBRATE_BATCH_NORM] = {"batch-norm", calibrate_batch_norm,
                                  "no batch normalization (quantize folds them); calibrate the "
                                  "version before, or quantize with --no-fold",
                                  "BatchNormalization layers", true},
    [C2S_CALIBRATE_BIAS] = {"bias", calibrate_bias, "no layer with weights", "layers with weights",
                            true},
    [C2S_CALIBRATE_EQUALIZE] = {"equalize", calibrate_equalize,
                                "no two kernels that a factor could move between",
                                "layers with weights, in front of others", false},
};

const char *c2s_calibration_name(enum c2s_calibration c)
{
    return kinds[c].name;
}

bool calibrate_names(const struct calibration *c, const struct c2s_layer *l)
{
    return !c->request->layers || c2s_glob_match(c->request->layers, l->name);
}

struct c2s_calibrated_layer *calibrate_row(struct calibration *c, const struct c2s_layer *l)
{
    struct c2s_calibrated_layer *row = &c->report->rows[c->report->n_rows++];
    *row = (struct c2s_calibrated_layer){.range_before = NAN,
                                         .range_after = NAN,
                                         .clipped = NAN,
                                         .sqnr_before = NAN,
                                         .sqnr_after = NAN,
                                         .shift = NAN,
                                         .low = NAN,
                                         .high = NAN};
    snprintf(row->name, sizeof row->name, "%s", l->name);
    c->report->n_changed++;
    return row;
}

void calibrate_skip(struct calibration *c, struct c2s_calibrated_layer *row, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(row->skipped, sizeof row->skipped, fmt, args);
    va_end(args);
    c->report->n_changed--;
}

void c2s_calibrate_report_finish(struct c2s_calibrate_report *r)
{
    c2s_free(r->rows);
    *r = (struct c2s_calibrate_report){0};
}

static bool check(const struct c2s_calibrate_request *r, struct c2s_error *err)
{
    if (r->model->n_inputs != 1 || r->model->n_outputs != 1)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "the model has several ends (inputs: %d, outputs: %d); only a model with "
                        "one of each runs on a data set",
                        r->model->n_inputs, r->model->n_outputs);
    if (r->bits < 0 || r->bits > 8)
        return c2s_fail(err, C2S_RANGE, "%d bits are not possible; choose 1 to 8", r->bits);
    if (r->method == C2S_RANGE_PERCENTILE && !(r->percentile > 0 && r->percentile <= 100))
        return c2s_fail(err, C2S_RANGE,
                        "a percentile of %g is not possible; choose one above 0, up to 100, such "
                        "as percentile=99.9",
                        r->percentile);
    if (kinds[r->what].needs_data && c2s_dataset_info(r->data)->n == 0)
        return c2s_fail(err, C2S_RANGE, "the data has no samples");
    return true;
}

/* How far the outputs of two models are apart. */
struct distance {
    double largest, difference;
};

static bool add_distance(void *arg, struct c2s_tensor *const outputs[2], struct c2s_error *err)
{
    struct distance *d = arg;
    (void)err;
    for (int64_t i = 0; i < c2s_tensor_count(outputs[0]); i++) {
        double x = (double)c2s_f32(outputs[0])[i], y = (double)c2s_f32(outputs[1])[i];
        d->largest = fmax(d->largest, fabs(x));
        d->difference = fmax(d->difference, fabs(x - y));
    }
    return true;
}

static bool measure_difference(struct calibration *c, struct c2s_error *err)
{
    struct distance d = {0};
    struct pass p = {.models = {c->request->model, c->model},
                     .batch = add_distance,
                     .arg = &d,
                     .limit = MOST_COMPARED};
    if (!calibrate_pass(c, &p, err))
        return false;
    c->report->difference = d.difference == 0 ? 0 : d.difference / d.largest;
    return true;
}

static bool conclude(struct calibration *c, struct c2s_error *err)
{
    const struct c2s_calibrate_request *r = c->request;
    if (c->report->n_rows == 0 && r->layers)
        return c2s_fail(err, C2S_NOT_FOUND,
                        "'%s' names no layer that calibrate %s looks at, which are %s; 'layers' "
                        "lists the names",
                        r->layers, kinds[r->what].name, kinds[r->what].looks_at);
    if (c->report->n_rows == 0)
        return c2s_fail(err, C2S_STATE, "the model has %s", kinds[r->what].subject);
    if (c->report->n_changed == 0 || !kinds[r->what].needs_data)
        return true;
    return measure_difference(c, err);
}

bool c2s_calibrate(const struct c2s_calibrate_request *request, struct c2s_model **out,
                   struct c2s_calibrate_report *report, struct c2s_error *err)
{
    const struct kind *kind = &kinds[request->what];
    struct c2s_calibrate_report made = {0};
    struct calibration c = {.request = request, .report = &made, .n_passes = 1};
    *out = NULL;
    if (!check(request, err) || !(c.model = c2s_model_clone(request->model, err)))
        return false;
    made.rows = c2s_calloc((size_t)c.model->n_layers * 2 + 1, sizeof *made.rows);
    if (kind->needs_data)
        made.n_samples = c2s_dataset_info(request->data)->n;
    bool ok = (made.rows || c2s_fail_nomem(err)) && kind->run(&c, err) && conclude(&c, err);
    if (!ok || made.n_changed == 0)
        c2s_model_destroy(c.model);
    else
        *out = c.model;
    if (ok)
        *report = made;
    else
        c2s_calibrate_report_finish(&made);
    return ok;
}
