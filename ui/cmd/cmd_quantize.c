/* quantize: fewer bits for weights, activations or both; makes a version. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <string.h>

static const char *const whats[] = {"activations", "weights", "all", NULL};
static const char *const rules[] = {"1.8", "2.2", NULL};

static bool make_plan(const struct cmd_args *a, struct c2s_quantize_plan *plan,
                      struct c2s_error *err)
{
    const char *what = cmd_text(a, "WHAT"), *rule = cmd_text(a, "--rule");
    bool of_weights = strcmp(what, "activations") != 0;
    int bits = (int)cmd_integer(a, "BITS", 0);
    *plan = (struct c2s_quantize_plan){
        .rule = rule && strcmp(rule, "1.8") == 0 ? C2S_RULE_18 : C2S_RULE_22,
        .weight_quantization = of_weights ? bits : 0,
        .activ_quantization =
            strcmp(what, "weights") != 0 ? (int)cmd_integer(a, "--activations", bits) : 0,
        .input_weight_quantization = of_weights ? (int)cmd_integer(a, "--input", -1) : -1,
        .layers = cmd_text(a, "--layers"),
        .keep_batch_norm = cmd_flag(a, "--no-fold")};
    if (!of_weights && cmd_count(a, "--input") > 0)
        return c2s_fail(err, C2S_USAGE,
                        "--input is for the weights of the first layer; leave it out, or use "
                        "quantize weights or quantize all");
    if (strcmp(what, "all") != 0 && cmd_count(a, "--activations") > 0)
        return c2s_fail(err, C2S_USAGE, "--activations goes with quantize all only; leave it out");
    if (of_weights && bits < 2)
        return c2s_fail(err, C2S_USAGE, "weights take 2 to 8 bits, sign included");
    return true;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_quantize_plan plan;
    struct c2s_quantize_report report = {0};
    int64_t id;
    bool is_new;
    double begin = common_seconds();
    if (!make_plan(a, &plan, err) ||
        !c2s_session_quantize(ctx->session, &plan, &id, &is_new, &report, err))
        return false;
    return cmd_show(ctx,
                    view_quantized(c2s_session_current(ctx->session), is_new, &report,
                                   common_seconds() - begin),
                    err);
}

const struct cmd_entry entry_quantize = {
    .name = "quantize",
    .group = "quantize",
    .summary = "give weights or activations fewer bits",
    .details = "Makes a new version; the old one stays. Batch normalizations are folded first, "
               "and the folded model is compared with the original. The numbers are cnn2snn's.",
    .example = "quantize activations 4\nquantize weights 4 --input 8\n"
               "quantize weights 2 --layers 'separable*'",
    .see = "eval, compare, undo",
    .args =
        (const struct cmd_arg[]){
            {.name = "WHAT",
             .type = ARG_CHOICE,
             .choices = whats,
             .is_required = true,
             .help = "what gets BITS bits"},
            {.name = "BITS",
             .type = ARG_INTEGER,
             .is_required = true,
             .low = 1,
             .high = 8,
             .help = "weights 2 to 8 (sign included), activations 1 to 8"},
            {.name = "--input",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 0,
             .high = 8,
             .help = "bits for the weights of the first layer (default BITS)"},
            {.name = "--activations",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 1,
             .high = 8,
             .help = "with all: bits for the activations (default BITS)"},
            {.name = "--rule",
             .value = "RULE",
             .type = ARG_CHOICE,
             .choices = rules,
             .help = "whose quantized activations: cnn2snn 2.2 (default) or 1.8"},
            {.name = "--layers",
             .value = "GLOB",
             .type = ARG_LAYER,
             .help = "only layers with such names: 'conv*,dense'"},
            {.name = "--no-fold", .type = ARG_FLAG, .help = "keep batch normalizations"},
            {0}},
    .flags = CMD_NEEDS_MODEL | CMD_MAKES_VERSION,
    .run = run,
};
