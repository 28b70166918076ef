/* calibrate: what data can better in a model without training; makes a version. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_PERCENTILE 99.9

static const char *const whats[] = {"ranges", "batch-norm", "bias", "equalize", NULL};

/* "max", "mse", "percentile", "percentile=99.9". */
static bool parse_method(const char *text, struct c2s_calibrate_options *o, struct c2s_error *err)
{
    static const char percentile[] = "percentile=";
    size_t n = sizeof percentile - 1;
    char *end = "";
    o->percentile = USUAL_PERCENTILE;
    if (!text || strcmp(text, "mse") == 0)
        o->method = C2S_RANGE_MSE;
    else if (strcmp(text, "max") == 0)
        o->method = C2S_RANGE_MAX;
    else if (strncmp(text, percentile, n - 1) == 0 && (text[n - 1] == '\0' || text[n - 1] == '=')) {
        o->method = C2S_RANGE_PERCENTILE;
        if (text[n - 1] == '=')
            o->percentile = strtod(text + n, &end);
        if (*end || !(o->percentile > 0 && o->percentile <= 100) || text[strlen(text) - 1] == '=')
            return c2s_fail(err, C2S_USAGE,
                            "percentile takes a number above 0, up to 100, as in percentile=99.9, "
                            "not \"%s\"",
                            text + n);
        if (o->percentile < 2)
            return c2s_fail(err, C2S_USAGE,
                            "percentile is in percent, as in percentile=99.9, not a fraction "
                            "such as %g",
                            o->percentile);
    } else {
        return c2s_fail(err, C2S_USAGE, "--method is max, percentile=99.9 or mse, not \"%s\"",
                        text);
    }
    return true;
}

/* Options that another kind would silently ignore. */
static bool check_options(const struct cmd_args *a, enum c2s_calibration what,
                          struct c2s_error *err)
{
    static const struct {
        const char *option;
        unsigned kinds;
    } belongs[] = {{"--method", 1u << C2S_CALIBRATE_RANGES},
                   {"--bits", 1u << C2S_CALIBRATE_RANGES | 1u << C2S_CALIBRATE_EQUALIZE},
                   {"--reference", 1u << C2S_CALIBRATE_BIAS},
                   {"--data", ~(1u << C2S_CALIBRATE_EQUALIZE)},
                   {"--limit", ~(1u << C2S_CALIBRATE_EQUALIZE)}};
    for (size_t i = 0; i < sizeof belongs / sizeof belongs[0]; i++)
        if (cmd_count(a, belongs[i].option) > 0 && !(belongs[i].kinds & 1u << what))
            return c2s_fail(err, C2S_USAGE, "%s does not go with calibrate %s; leave it out",
                            belongs[i].option, whats[what]);
    return true;
}

static bool read_options(const struct cmd_args *a, struct c2s_calibrate_options *o,
                         struct c2s_error *err)
{
    const char *what = cmd_text(a, "WHAT");
    *o = (struct c2s_calibrate_options){.bits = (int)cmd_integer(a, "--bits", 0),
                                        .layers = cmd_text(a, "--layers"),
                                        .data = cmd_text(a, "--data"),
                                        .limit = cmd_integer(a, "--limit", -1),
                                        .reference = cmd_text(a, "--reference"),
                                        .is_trial = cmd_flag(a, "--dry-run")};
    for (int i = 0; what && whats[i]; i++)
        if (strcmp(whats[i], what) == 0)
            o->what = (enum c2s_calibration)i;
    return check_options(a, o->what, err) && parse_method(cmd_text(a, "--method"), o, err);
}

/* The accuracy before and after. That it cannot be measured is told, and is no failure: the version
 * is there. */
static bool measure(struct cmd_ctx *ctx, const struct view_calibrated *c,
                    struct c2s_comparison *out, struct c2s_error *why)
{
    char from[24], to[24];
    if (!c2s_session_data_record(ctx->session))
        return c2s_fail(why, C2S_STATE, "no data is in use");
    if (c->result->model)
        return c2s_session_try(ctx->session, c->result->model, out, why);
    view_version_name(c->from->info.id, from, sizeof from);
    return c2s_session_compare(ctx->session, from, view_version_name(c->result->id, to, sizeof to),
                               NULL, out, why);
}

static bool show(struct cmd_ctx *ctx, struct view_calibrated *c, struct c2s_error *err)
{
    struct c2s_comparison accuracy;
    struct c2s_error why = {0};
    if (c->result->report.n_changed > 0) {
        if (measure(ctx, c, &accuracy, &why))
            c->accuracy = &accuracy;
        c->not_measured = why.text;
    }
    if (c->result->id != c->from->info.id)
        c->version = c2s_session_current(ctx->session);
    return cmd_show(ctx, view_calibrated(c), err);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_calibrate_options options;
    struct c2s_calibrated result;
    struct view_calibrated c = {
        .from = c2s_session_current(ctx->session), .options = &options, .result = &result};
    double begin = common_seconds();
    if (!read_options(a, &options, err) ||
        !c2s_session_calibrate(ctx->session, &options, &result, err))
        return false;
    c.seconds = common_seconds() - begin;
    bool ok = show(ctx, &c, err);
    c2s_calibrated_finish(&result);
    return ok;
}

const struct cmd_entry entry_calibrate = {
    .name = "calibrate",
    .group = "quantize",
    .summary = "better a model from data, without training it",
    .details =
        "Makes a new version. ranges (default): the max_value of ReLUs without one, or with one "
        "wider than the data needs, so that quantize spreads its levels where the values are; and "
        "of ranged quantized activations. batch-norm: moving means and variances from the data. "
        "bias, after quantize: the mean error of quantized layers goes into their biases. "
        "equalize, on a float model before ranges, because no factor passes a max_value: factors "
        "move between layers so that all channels use the levels alike; the outputs stay the "
        "same. It helps SeparableConv2D most, and may harm between other layers: the SQNR of the "
        "weights tells. ranges takes --method, --bits, --data and --limit; batch-norm takes "
        "--data and --limit; bias takes --reference, --data and --limit; equalize takes --bits; "
        "all take --layers and --dry-run. Shows each layer before and after, and the accuracy on "
        "the data in use.",
    .example = "calibrate --data fashion-mnist-1k,limit=100\n"
               "calibrate bias --data fashion-mnist-1k,limit=100\n"
               "calibrate --method percentile=99.9 --data fashion-mnist-1k --dry-run",
    .see = "quantize, hist, eval",
    .args =
        (const struct cmd_arg[]){
            {.name = "WHAT",
             .type = ARG_CHOICE,
             .choices = whats,
             .help = "ranges (default), batch-norm, bias or equalize"},
            {.name = "--method",
             .value = "METHOD",
             .type = ARG_TEXT,
             .help = "of ranges: mse (default): least squared error of the levels; max: the "
                     "largest value; percentile=P: what P percent of the values above 0 do not "
                     "exceed; percentile alone: 99.9"},
            {.name = "--bits",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 1,
             .high = 8,
             .help = "of ranges: bits that float activations are meant to get; of equalize: "
                     "that weights are meant to get, for the SQNR (default 4)"},
            {.name = "--layers",
             .value = "GLOB",
             .type = ARG_LAYER,
             .help = "only layers with such names: 're_lu*,conv2d'; of equalize: both of a pair"},
            {.name = "--data",
             .value = "DATASET",
             .type = ARG_PATH,
             .help = "not of equalize: "
                     "PATH[,split=train|test][,scale=X][,shift=Y][,limit=N][,seed=N] (default: "
                     "the training data beside the data in use); without split= its training "
                     "part, without scale= and shift= scaled as the data in use"},
            {.name = "--limit",
             .value = "N",
             .type = ARG_INTEGER,
             .high = 1e12,
             .help = "not of equalize: use N samples of it (0: all; default: the limit= of "
                     "DATASET, without one 2000)"},
            {.name = "--reference",
             .value = "VERSION",
             .type = ARG_VERSION,
             .help = "of bias: what is right (default: the nearest version before with float "
                     "weights)"},
            {.name = "--dry-run", .type = ARG_FLAG, .help = "show what it would do, make nothing"},
            {0}},
    .flags = CMD_NEEDS_MODEL | CMD_MAKES_VERSION,
    .run = run,
};
