/* retrain: trains the current version on labelled data; makes a version. */
#include "args.h"
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <c2s/keras.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const optimizers[] = {"adam", "sgd", NULL};
static const char *const schedules[] = {"constant", "cosine", "step", NULL};
static const char *const losses[] = {"auto", "crossentropy", "mse", "hinge", NULL};
static const char *const engines[] = {"dnnl", "ref", NULL};

/* Index of the chosen word, or the fallback. */
static int choice(const struct cmd_args *a, const char *name, const char *const *choices,
                  int fallback)
{
    const char *text = cmd_text(a, name);
    for (int i = 0; text && choices[i]; i++)
        if (strcmp(text, choices[i]) == 0)
            return i;
    return fallback;
}

/* "flip,shift=2" */
static bool parse_augment(const char *text, struct c2s_augment *out, struct c2s_error *err)
{
    while (text && *text) {
        size_t n = strcspn(text, ",");
        char *end = (char *)text;
        if (n == 4 && strncmp(text, "flip", 4) == 0)
            out->flip = true;
        else if (n > 6 && strncmp(text, "shift=", 6) == 0)
            out->shift = (int)strtol(text + 6, &end, 10);
        if ((n != 4 || !out->flip) && (end != text + n || out->shift < 1 || out->shift > 1000))
            return c2s_fail(err, C2S_USAGE,
                            "--augment takes flip, shift=PIXELS or both with a comma, as in "
                            "flip,shift=2, not \"%s\"",
                            text);
        text += n + (text[n] == ',');
    }
    return true;
}

/* A number is a share of the training data, anything else names data. */
static bool parse_validation(const char *text, struct c2s_retrain_plan *plan, struct c2s_error *err)
{
    char *end;
    if (!text)
        return true;
    double share = strtod(text, &end);
    if (*end) {
        plan->validation = text;
        return true;
    }
    if (!(share >= 0 && share <= 0.9))
        return c2s_fail(err, C2S_USAGE,
                        "--validation takes a share of the training data from 0 to 0.9, or data, "
                        "not \"%s\"",
                        text);
    plan->train.validation = share;
    return true;
}

static bool make_plan(const struct cmd_args *a, struct c2s_retrain_plan *plan,
                      struct c2s_error *err)
{
    struct c2s_train_options o = c2s_train_defaults();
    o.epochs = (int)cmd_integer(a, "--epochs", o.epochs);
    o.learning_rate = cmd_real(a, "--lr", o.learning_rate);
    o.optimizer.kind =
        (enum c2s_optimizer_kind)choice(a, "--optimizer", optimizers, (int)o.optimizer.kind);
    o.optimizer.momentum = o.optimizer.kind == C2S_SGD ? 0.9 : 0;
    o.schedule = (enum c2s_schedule)choice(a, "--schedule", schedules, (int)o.schedule);
    o.batch = (int)cmd_integer(a, "--batch", o.batch);
    o.loss = (enum c2s_loss_kind)choice(a, "--loss", losses, (int)o.loss);
    o.patience = (int)cmd_integer(a, "--patience", o.patience);
    o.seed = (uint64_t)cmd_integer(a, "--seed", (int64_t)o.seed);
    o.freeze = cmd_text(a, "--freeze");
    o.engine = cmd_text(a, "--engine");
    o.stop_after = (int)cmd_integer(a, "--stop-after", 0);
    *plan = (struct c2s_retrain_plan){
        .train = o, .data = cmd_text(a, "--data"), .teacher = cmd_text(a, "--distill")};
    return parse_augment(cmd_text(a, "--augment"), &plan->train.augment, err) &&
           parse_validation(cmd_text(a, "--validation"), plan, err);
}

static bool retrain(struct cmd_ctx *ctx, const struct c2s_retrain_plan *plan, struct c2s_error *err)
{
    struct c2s_retrained result;
    double begin = common_seconds();
    if (!c2s_session_retrain(ctx->session, plan, &result, err))
        return false;
    struct view_retrained view = {.version = c2s_session_current(ctx->session),
                                  .result = &result,
                                  .plan = plan,
                                  .seconds = common_seconds() - begin};
    bool ok = cmd_show(ctx, view_retrained(&view), err);
    c2s_retrained_finish(&result);
    return ok;
}

/* The interrupted training is told by its step, which is read like any other line. */
static bool resume(struct cmd_ctx *ctx, struct c2s_error *err)
{
    struct lex_words words = {0};
    struct cmd_args *args = NULL;
    struct c2s_retrain_plan plan;
    struct c2s_interrupted before = {0};
    bool wants_json;
    bool ok = c2s_session_interrupted(ctx->session, &before, err) &&
              lex_line(before.step, &words, err) &&
              args_parse(&entry_retrain, &words, before.step, &args, &wants_json, err) &&
              make_plan(args, &plan, err);
    if (ok) {
        plan.version = before.version;
        plan.resume = true;
        ok = retrain(ctx, &plan, err);
    }
    args_destroy(args);
    lex_finish(&words);
    c2s_interrupted_finish(&before);
    return ok;
}

/* With --resume everything is as it was said then. */
static bool is_alone(const struct cmd_args *a)
{
    for (const struct cmd_arg *arg = entry_retrain.args; arg->name; arg++)
        if (strcmp(arg->name, "--resume") != 0 && cmd_count(a, arg->name) > 0)
            return false;
    return true;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_retrain_plan plan;
    if (!cmd_flag(a, "--resume"))
        return make_plan(a, &plan, err) && retrain(ctx, &plan, err);
    if (!is_alone(a))
        return c2s_fail(err, C2S_USAGE,
                        "--resume goes on as it was begun; give it alone, or begin anew without "
                        "it");
    return resume(ctx, err);
}

const struct cmd_entry entry_retrain = {
    .name = "retrain",
    .group = "quantize",
    .summary = "train the current version on labelled data",
    .details =
        "Makes a new version of the best epoch, by accuracy on data kept for validation, then by "
        "loss on it (with --validation 0 by training loss). Quantized "
        "layers are trained through their quantizers and keep their bits. Trains on the training "
        "part beside the data in use unless --data says otherwise; DATASET is PATH and, behind "
        "commas, any of split=train, split=test, scale=X, shift=X, limit=N, seed=N, labels=FILE. "
        "Without split= it means the training part (of --validation the test part), without scale= "
        "and shift= it is scaled as the data in use. "
        "Ctrl-C stops and makes a version of the best epoch so far. A training that was stopped, "
        "or "
        "whose program was killed, goes on with --resume, to the same result as in one go.",
    .example = "retrain --epochs 1 --data fashion-mnist-1k,limit=300 --batch 50",
    .see = "quantize, eval, compare, show",
    .args =
        (const struct cmd_arg[]){
            {.name = "--epochs",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 1,
             .high = 100000,
             .help = "times through the data (default 3)"},
            {.name = "--lr",
             .value = "R",
             .type = ARG_REAL,
             .low = 1e-12,
             .high = 1e3,
             .help = "learning rate (default 0.0005)"},
            {.name = "--optimizer",
             .value = "NAME",
             .type = ARG_CHOICE,
             .choices = optimizers,
             .help = "adam (default), or sgd with momentum 0.9"},
            {.name = "--schedule",
             .value = "NAME",
             .type = ARG_CHOICE,
             .choices = schedules,
             .help = "of the learning rate: cosine (default, down to 0), constant, step "
                     "(a tenth after half, again after three quarters); epochs are listed "
                     "with the rate of their last step"},
            {.name = "--batch",
             .value = "B",
             .type = ARG_INTEGER,
             .low = 1,
             .high = 65536,
             .help = "samples per step (default 128)"},
            {.name = "--loss",
             .value = "NAME",
             .type = ARG_CHOICE,
             .choices = losses,
             .help = "auto (default: crossentropy), crossentropy, mse, hinge"},
            {.name = "--augment",
             .value = "LIST",
             .type = ARG_TEXT,
             .help = "change images at random: flip, shift=PIXELS, flip,shift=2"},
            {.name = "--validation",
             .value = "PART",
             .type = ARG_TEXT,
             .help =
                 "what decides: a share of the training data (default 0.1; 0: none), or DATASET"},
            {.name = "--patience",
             .value = "P",
             .type = ARG_INTEGER,
             .high = 100000,
             .help = "stop after P epochs that are no better by what decides (default 0: never)"},
            {.name = "--seed",
             .value = "S",
             .type = ARG_INTEGER,
             .high = 9e15,
             .help = "of order, validation part and augmentation (default 1)"},
            {.name = "--freeze",
             .value = "GLOB",
             .type = ARG_LAYER,
             .help = "layers that stay as they are: 'conv*,dense'"},
            {.name = "--distill",
             .value = "VERSION",
             .type = ARG_VERSION,
             .help = "learn half from what this version says of each sample"},
            {.name = "--data",
             .value = "DATASET",
             .type = ARG_PATH,
             .help = "what to train on (default: the training part beside the data in use)"},
            {.name = "--engine",
             .value = "NAME",
             .type = ARG_CHOICE,
             .choices = engines,
             .help = "dnnl (default), or ref (slow, simple)"},
            {.name = "--stop-after",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 1,
             .high = 100000,
             .help = "end after epoch N and keep the best so far, with the rates of all --epochs: "
                     "what a replay of a stopped training needs; leaves nothing to --resume"},
            {.name = "--resume",
             .type = ARG_FLAG,
             .help = "go on with the training that was interrupted"},
            {0}},
    .flags = CMD_NEEDS_MODEL | CMD_MAKES_VERSION,
    .run = run,
};
