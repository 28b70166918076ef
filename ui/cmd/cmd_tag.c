/* tag: names for versions. */
#include "cmd.h"
#include "common.h"
#include "table.h"
#include "view/view.h"

static bool add_row(void *arg, const char *tag, int64_t version)
{
    char name[24];
    sheet_row(arg, SHEET_PLAIN);
    sheet_text(arg, tag);
    sheet_text(arg, view_version_name(version, name, sizeof name));
    return true;
}

static bool list(struct cmd_ctx *ctx, struct c2s_journal *j, struct c2s_error *err)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_column(s, "tag", "tag", SHEET_LEFT);
    sheet_column(s, "version", "version", SHEET_LEFT);
    if (!j->ops->each_tag(j, add_row, s, err)) {
        sheet_destroy(s);
        return false;
    }
    if (s && s->n_rows == 0)
        sheet_before(s, SHEET_PLAIN, "no tags yet");
    sheet_next(s, "Next: tag NAME VERSION");
    return cmd_show(ctx, s, err);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_journal *j = c2s_session_journal(ctx->session);
    const char *tag = cmd_text(a, "NAME"), *version = cmd_text(a, "VERSION");
    int64_t id;
    char name[24];
    if (cmd_flag(a, "--delete")) {
        if (!tag || version)
            return c2s_fail(err, C2S_USAGE, "--delete takes the tag alone: tag --delete NAME");
        return j->ops->remove_tag(j, tag, err) && common_say(ctx, err, "removed tag %s", tag);
    }
    if (!tag)
        return list(ctx, j, err);
    return c2s_session_version_id(ctx->session, version, &id, err) &&
           c2s_session_tag(ctx->session, tag, version, err) &&
           common_say(ctx, err, "%s is now also called %s",
                      view_version_name(id, name, sizeof name), tag);
}

const struct cmd_entry entry_tag = {
    .name = "tag",
    .group = "history",
    .summary = "name a version, list or remove names",
    .details = "A tag works wherever a version does and keeps it from being removed.",
    .example = "tag baseline v1\ntag\ntag --delete baseline",
    .see = "log, checkout, rm",
    .args =
        (const struct cmd_arg[]){
            {.name = "NAME", .type = ARG_VERSION, .help = "the name"},
            {.name = "VERSION", .type = ARG_VERSION, .help = "default: the current version"},
            {.name = "--delete", .type = ARG_FLAG, .help = "remove the name, not the version"},
            {0}},
    .run = run,
};
