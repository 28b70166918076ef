/* Trainings beside the versions: interrupted ones, which can be gone on with, those that another
 * shell is at work on, and those that made no version. */
#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collector {
    struct view_trainings *trainings;
    bool is_out_of_memory;
};

static bool add_run(void *arg, const struct c2s_run *run)
{
    struct collector *c = arg;
    struct view_trainings *t = c->trainings;
    struct view_training *at = realloc(t->at, sizeof *at * (size_t)(t->n + 1));
    c->is_out_of_memory = !at;
    if (!at)
        return false;
    t->at = at;
    at[t->n] = (struct view_training){.version = run->parent,
                                      .step = strdup(run->step),
                                      .note = strdup(run->note ? run->note : ""),
                                      .n_epochs = run->n_epochs,
                                      .is_ended = run->state == C2S_RUN_ENDED,
                                      .is_live = run->is_live};
    c->is_out_of_memory = !at[t->n].step || !at[t->n].note;
    t->n++;
    return !c->is_out_of_memory;
}

bool view_trainings_collect(struct c2s_journal *j, struct view_trainings *out,
                            struct c2s_error *err)
{
    *out = (struct view_trainings){0};
    struct collector c = {.trainings = out};
    bool ok = j->ops->each_run(j, add_run, &c, err);
    if (ok && c.is_out_of_memory)
        ok = c2s_fail_nomem(err);
    if (!ok)
        view_trainings_finish(out);
    return ok;
}

void view_trainings_finish(struct view_trainings *t)
{
    for (int i = 0; i < t->n; i++) {
        free(t->at[i].step);
        free(t->at[i].note);
    }
    free(t->at);
    *t = (struct view_trainings){0};
}

const struct view_training *view_interrupted(const struct view_trainings *t, int64_t version)
{
    for (int i = t->n - 1; i >= 0; i--)
        if (t->at[i].version == version && !t->at[i].is_ended && !t->at[i].is_live)
            return &t->at[i];
    return NULL;
}

char *view_training_state(const struct view_training *t, char *out, size_t size)
{
    char count[32];
    if (t->is_ended)
        snprintf(out, size, "%s, none better%s%s",
                 view_count(t->n_epochs, "epoch", count, sizeof count), t->note[0] ? "; " : "",
                 t->note);
    else if (t->n_epochs == 0)
        snprintf(out, size, "%s in its first epoch",
                 t->is_live ? "another shell is at work" : "interrupted");
    else
        snprintf(out, size, "%s after epoch %d",
                 t->is_live ? "another shell is at work" : "interrupted", t->n_epochs);
    return out;
}

void view_add_trainings(struct sheet *s, const struct view_trainings *t, int64_t version)
{
    const struct view_training *open = view_interrupted(t, version);
    char state[320];
    for (int i = 0; i < t->n; i++) {
        const struct view_training *at = &t->at[i];
        if (at->version != version)
            continue;
        view_training_state(at, state, sizeof state);
        sheet_before(s, at == open ? SHEET_WARNING : SHEET_DIM, "%-10s%s: %s",
                     at->is_ended  ? "tried:"
                     : at->is_live ? "trained:"
                                   : "resume:",
                     state, at->step);
    }
}
