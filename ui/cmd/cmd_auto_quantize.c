/* auto-quantize: the whole way from a float model to the chip's bits, stage by stage. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdio.h>
#include <string.h>

/* Retraining is asked for in fewer words than retrain takes: what is not said is its default. */
static bool make_plan(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_auto_plan *plan,
                      struct c2s_error *err)
{
    struct c2s_train_options o = c2s_train_defaults();
    o.epochs = (int)cmd_integer(a, "--epochs", o.epochs);
    o.learning_rate = cmd_real(a, "--lr", o.learning_rate);
    o.batch = (int)cmd_integer(a, "--batch", o.batch);
    o.seed = (uint64_t)cmd_integer(a, "--seed", (int64_t)o.seed);
    *plan = (struct c2s_auto_plan){
        .weights = (int)cmd_integer(a, "--weights", 4),
        .activations = (int)cmd_integer(a, "--activations", 4),
        .input = (int)cmd_integer(a, "--input", 0),
        .retrain = {.train = o, .data = cmd_text(a, "--data"), .teacher = cmd_text(a, "--distill")},
        .check = common_check_options(ctx, c2s_session_current(ctx->session)),
        .min_accuracy = cmd_real(a, "--min-accuracy", 0) / 100,
        .largest_drop = cmd_real(a, "--max-drop", 100) / 100};
    if (plan->input == 1)
        return c2s_fail(err, C2S_USAGE, "weights take 2 to 8 bits, those of the first layer too");
    return true;
}

/* failure: that ends the command, told with what it did; NULL = none. */
static bool show(struct cmd_ctx *ctx, struct view_auto_quantized *v,
                 const struct c2s_error *failure, struct c2s_error *err)
{
    char first[24], begun[24];
    view_version_name(v->report->first, first, sizeof first);
    view_version_name(v->report->begun_at, begun, sizeof begun);
    v->last = c2s_session_current(ctx->session);
    return c2s_session_version(ctx->session, first, &v->first, err) &&
           c2s_session_version(ctx->session, begun, &v->begun, err) &&
           cmd_show_failed(ctx, view_auto_quantized(v), failure, err);
}

/* True when the accuracy on the chip is what was asked for. */
static bool check_gate(const struct c2s_auto_plan *plan, const struct c2s_auto_report *report,
                       struct c2s_error *err)
{
    double chip = 100 * c2s_accuracy(&report->stages[C2S_N_STAGES - 1].chip.metrics);
    if (report->is_gate_met)
        return true;
    if (chip < 100 * plan->min_accuracy)
        return c2s_fail(err, C2S_GATE,
                        "accuracy on the chip is %.2f %%, below the required %.2f %%", chip,
                        100 * plan->min_accuracy);
    return c2s_fail(err, C2S_GATE,
                    "accuracy on the chip is %.2f points below v%lld, more than the allowed %.2f",
                    100 * report->drop, (long long)report->first, 100 * plan->largest_drop);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_auto_plan plan;
    struct c2s_auto_report report;
    struct c2s_error untold = {0};
    struct view_auto_quantized view = {.report = &report, .plan = &plan};
    double begin = common_seconds();
    if (!make_plan(ctx, a, &plan, err))
        return false;
    bool ok = c2s_session_auto_quantize(ctx->session, &plan, &report, err) &&
              check_gate(&plan, &report, err);
    view.seconds = common_seconds() - begin;
    if (!report.begun_at || show(ctx, &view, ok ? NULL : err, &untold))
        return ok;
    if (ok)
        *err = untold; /* else what ended it matters more */
    return false;
}

const struct cmd_entry entry_auto_quantize = {
    .name = "auto-quantize",
    .group = "quantize",
    .summary = "quantize and retrain, stage by stage",
    .details =
        "check, fix (what leaves the outputs as they are), calibrate the activation ranges, "
        "quantize activations, retrain, quantize weights, retrain, verify as on the chip. Every "
        "stage that changes the model is a version of its own; those that are not needed are "
        "skipped. After Ctrl-C, or when what failed is mended, run it again: it goes on from what "
        "is there.",
    .example = "auto-quantize --epochs 1 --batch 50 --data fashion-mnist-1k,limit=200",
    .see = "calibrate, quantize, retrain, export",
    .args =
        (const struct cmd_arg[]){
            {.name = "--weights",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 2,
             .high = 8,
             .help = "bits of weights, sign included (default 4)"},
            {.name = "--activations",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 1,
             .high = 8,
             .help = "bits of activations (default 4)"},
            {.name = "--input",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 2,
             .high = 8,
             .help = "bits for the weights of the first layer (default 8 for images, else as "
                     "--weights)"},
            {.name = "--epochs",
             .value = "N",
             .type = ARG_INTEGER,
             .high = 100000,
             .help = "of each training (default 3; 0: none)"},
            {.name = "--lr",
             .value = "R",
             .type = ARG_REAL,
             .low = 1e-12,
             .high = 1e3,
             .help = "learning rate (default as retrain)"},
            {.name = "--batch",
             .value = "B",
             .type = ARG_INTEGER,
             .low = 1,
             .high = 65536,
             .help = "samples per step (default as retrain)"},
            {.name = "--data",
             .value = "DATASET",
             .type = ARG_PATH,
             .help = "to calibrate and train on (default: the training part beside the data in "
                     "use)"},
            {.name = "--distill",
             .value = "VERSION",
             .type = ARG_VERSION,
             .help = "also learn from the outputs of this version"},
            {.name = "--seed",
             .value = "S",
             .type = ARG_INTEGER,
             .high = 9e15,
             .help = "of validation part, order and augmentation"},
            {.name = "--min-accuracy",
             .value = "PERCENT",
             .type = ARG_REAL,
             .high = 100,
             .help = "fail (exit code 4) when the chip has less"},
            {.name = "--max-drop",
             .value = "POINTS",
             .type = ARG_REAL,
             .high = 100,
             .help = "fail (exit code 4) when the chip has lost more"},
            {0}},
    .flags = CMD_NEEDS_MODEL | CMD_NEEDS_DATA,
    .run = run,
};
