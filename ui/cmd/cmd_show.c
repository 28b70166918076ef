/* show: one version in full. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdio.h>
#include <string.h>

struct tag_list {
    int64_t version;
    char text[200];
};

static bool add_tag(void *arg, const char *tag, int64_t version)
{
    struct tag_list *list = arg;
    size_t used = strlen(list->text);
    if (version == list->version)
        snprintf(list->text + used, sizeof list->text - used, "%s%s", used ? " " : "", tag);
    return true;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_journal *j = c2s_session_journal(ctx->session);
    if (!common_version(ctx, a, "VERSION", &v, err))
        return false;
    struct tag_list tags = {.version = v->info.id};
    struct view_trainings trainings = {0};
    struct c2s_interrupted training = {0};
    struct view_version_context context = {
        .tags = tags.text,
        .trainings = &trainings,
        .is_current = v->info.id == c2s_session_current(ctx->session)->info.id};
    bool ok = j->ops->each_tag(j, add_tag, &tags, err) &&
              view_trainings_collect(j, &trainings, err) && common_interrupted(ctx, &training, err);
    if (training.step && context.is_current && training.version != v->info.id)
        context.so_far = &training;
    ok = ok && cmd_show(ctx, view_version(v, &context), err);
    view_trainings_finish(&trainings);
    c2s_interrupted_finish(&training);
    return ok;
}

const struct cmd_entry entry_show = {
    .name = "show",
    .group = "history",
    .summary = "one version in full: step, model, load report, layers",
    .details = "Also what was trained from it without making a version: what retrain --resume goes "
               "on with, and trainings of which no epoch was better.",
    .example = "show\nshow v1",
    .see = "log, layers, diff",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION", .type = ARG_VERSION, .help = "default: the current version"}, {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
