/* sql: read-only questions to the workspace. */
#include "cmd.h"
#include "table.h"

static bool add_row(void *arg, int64_t row, int n, const char *const *values)
{
    struct sheet *s = arg;
    if (row < 0) {
        for (int i = 0; i < n; i++) {
            const char *name = sheet_keep(s, values[i] ? values[i] : "?");
            sheet_column(s, name, name, SHEET_LEFT);
        }
        return true;
    }
    sheet_row(s, SHEET_PLAIN);
    for (int i = 0; i < n; i++)
        sheet_text_or_number(s, values[i]);
    return true;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_journal *j = c2s_session_journal(ctx->session);
    struct sheet *s = sheet_create("%s", "");
    if (!j->ops->query(j, cmd_text(a, "SELECT"), add_row, s, err)) {
        sheet_destroy(s);
        return false;
    }
    if (s && s->n_rows == 0)
        sheet_before(s, SHEET_PLAIN, "no rows");
    return cmd_show(ctx, s, err);
}

const struct cmd_entry entry_sql = {
    .name = "sql",
    .group = "history",
    .summary = "ask the workspace in SQL, read-only",
    .details = "Views made for it: versions, measures, epochs, runs, tensors, datasets, tags; "
               "c2s-script(5) lists their columns. In JSON a value that is a number is one.",
    .example = "sql SELECT id, step FROM versions\nsql SELECT count(*) AS n FROM tensors",
    .see = "log, show",
    .args = (const struct cmd_arg[]){{.name = "SELECT",
                                      .type = ARG_REST,
                                      .is_required = true,
                                      .help = "the statement, up to the end of the line"},
                                     {0}},
    .run = run,
};
