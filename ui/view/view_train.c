/* Trainings: the live line, one line for each epoch, and what came out. */
#include "view.h"

#include "glyph.h"

#include <c2s/keras.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- while it runs ---- */

void view_curve_add(struct view_curve *c, const struct c2s_train_now *now)
{
    if (now->total <= 0 || now->done <= 0 || !isfinite(now->loss))
        return;
    int at = (int)((now->done - 1) * VIEW_CURVE_POINTS / now->total);
    if (at >= VIEW_CURVE_POINTS)
        at = VIEW_CURVE_POINTS - 1;
    if (at + 1 < c->n) /* another training */
        c->n = 0;
    while (c->n <= at)
        c->loss[c->n++] = now->loss;
    c->loss[at] = now->loss;
}

char *view_curve_text(const struct view_curve *c, bool use_blocks, char *out, size_t size)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const letters[] = {"_", "_", ".", ".", "-", "-", "=", "#"};
    double low = INFINITY, high = -INFINITY;
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < c->n; i++) {
        low = fmin(low, c->loss[i]);
        high = fmax(high, c->loss[i]);
    }
    for (int i = 0; i < c->n && used < size; i++) {
        int level = high > low ? (int)((c->loss[i] - low) / (high - low) * 7.999) : 0;
        used +=
            (size_t)snprintf(out + used, size - used, "%s", (use_blocks ? blocks : letters)[level]);
    }
    return out;
}

/* "0.4155"; a diverged one "2.121e+05": its digits tell nothing. */
static char *loss_text(double loss, int digits, char *out, size_t size)
{
    if (fabs(loss) < 1000)
        snprintf(out, size, "%.*f", digits, loss);
    else
        snprintf(out, size, "%.4g", loss);
    return out;
}

char *view_train_line(const struct c2s_train_now *now, const struct view_curve *c, char *out,
                      size_t size)
{
    char curve[4 * VIEW_CURVE_POINTS + 1], loss[32];
    if (now->done == 0)
        snprintf(out, size, "measuring it as it is");
    else
        snprintf(out, size, "epoch %d/%d  loss %s %s  training %.1f %%  lr %.2g", now->epoch,
                 now->n_epochs, loss_text(now->loss, 3, loss, sizeof loss),
                 view_curve_text(c, glyph_is_utf8(), curve, sizeof curve), 100 * now->accuracy,
                 now->learning_rate);
    return out;
}

char *view_epoch_line(const struct c2s_epoch *e, int n_epochs, char *out, size_t size)
{
    char validation[48] = "", loss[32];
    if (!isnan(e->validation_accuracy))
        snprintf(validation, sizeof validation, ", validation %.2f %%",
                 100 * e->validation_accuracy);
    if (e->epoch == 0)
        snprintf(out, size, "before: validation %.2f %%", 100 * e->validation_accuracy);
    else
        snprintf(out, size, "epoch %d/%d: loss %s, accuracy %.2f %%%s", e->epoch, n_epochs,
                 loss_text(e->loss, 4, loss, sizeof loss), 100 * e->accuracy, validation);
    return out;
}

char *view_ended_line(const struct c2s_train_now *now, char *out, size_t size)
{
    char line[160];
    const struct c2s_epoch *e = now->ended;
    const char *verdict = !e->is_best || e->epoch == 0 ? "" : ", best so far";
    if (isnan(e->validation_accuracy)) /* nothing but the training's own loss, from epoch 2 on */
        verdict = e->is_best && e->epoch > 1 ? ", lowest loss so far" : "";
    snprintf(out, size, "%s%s", view_epoch_line(now->ended, now->n_epochs, line, sizeof line),
             verdict);
    return out;
}

/* ---- what came out ---- */

static const struct c2s_epoch *row_of(const struct c2s_train_report *r, int epoch)
{
    for (int i = 0; i < r->n_epochs; i++)
        if (r->epochs[i].epoch == epoch)
            return &r->epochs[i];
    return NULL;
}

/* For machines, then for people. */
static void add_loss(struct sheet *s, double value)
{
    char text[32];
    if (isnan(value)) {
        sheet_none(s);
        sheet_none(s);
        return;
    }
    sheet_real(s, value, 4);
    sheet_text(s, loss_text(value, 4, text, sizeof text));
}

static void add_share(struct sheet *s, double value)
{
    if (isnan(value))
        sheet_none(s);
    else
        sheet_percent(s, value, 2);
}

static void add_rate(struct sheet *s, double value)
{
    if (isnan(value)) {
        sheet_none(s);
        sheet_none(s);
        return;
    }
    sheet_real(s, value, 6);
    sheet_textf(s, "%.2g", value);
}

static void add_epochs(struct sheet *s, const struct c2s_epoch *epochs, int n, int best)
{
    sheet_column(s, "epoch", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "epoch", SHEET_RIGHT);
    sheet_column(s, "loss", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "loss", SHEET_RIGHT);
    sheet_column(s, "accuracy", "accuracy", SHEET_RIGHT);
    sheet_column(s, "validation_loss", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "val loss", SHEET_RIGHT);
    sheet_minor(s, 2);
    sheet_column(s, "validation_accuracy", "validation", SHEET_RIGHT);
    sheet_column(s, "learning_rate", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "last lr", SHEET_RIGHT);
    sheet_minor(s, 1);
    sheet_column(s, "seconds", NULL, SHEET_RIGHT);
    sheet_column(s, "is_kept", NULL, SHEET_LEFT);
    sheet_column(s, NULL, "", SHEET_LEFT);
    for (int i = 0; i < n; i++) {
        const struct c2s_epoch *e = &epochs[i];
        bool is_kept = e->epoch == best;
        sheet_row(s, is_kept ? SHEET_GOOD : SHEET_PLAIN);
        sheet_integer(s, e->epoch);
        if (e->epoch == 0)
            sheet_text(s, "before");
        else
            sheet_integer(s, e->epoch);
        add_loss(s, e->loss);
        add_share(s, e->accuracy);
        add_loss(s, e->validation_loss);
        add_share(s, e->validation_accuracy);
        add_rate(s, e->learning_rate);
        sheet_real(s, e->seconds, 1);
        sheet_bool(s, is_kept);
        sheet_text(s, is_kept ? "kept" : "");
    }
}

static void add_facts(struct sheet *s, const struct view_retrained *v)
{
    const struct c2s_train_report *r = &v->result->report;
    const struct c2s_epoch *before = row_of(r, 0), *best = row_of(r, r->best_epoch);
    char name[24], parent[24], bits[64];
    sheet_fact_text(s, "version", view_version_name(v->version->info.id, name, sizeof name));
    sheet_fact_text(s, "parent", view_version_name(v->result->parent, parent, sizeof parent));
    sheet_fact_text(s, "bits", view_bits(v->version->model, bits, sizeof bits));
    sheet_fact_bool(s, "is_new", v->result->is_new);
    sheet_fact_bool(s, "was_cached", v->result->was_cached);
    sheet_fact_integer(s, "resumed_after", v->result->resumed_after);
    sheet_fact_integer(s, "best_epoch", r->best_epoch);
    sheet_fact_integer(s, "last_epoch", r->last_epoch);
    sheet_fact_real(s, "accuracy_before", before ? before->validation_accuracy : NAN);
    sheet_fact_real(s, "accuracy_after", best ? best->validation_accuracy : NAN);
    sheet_fact_integer(s, "samples", r->n_data);
    sheet_fact_integer(s, "validation_samples", r->n_validation);
    sheet_fact_bool(s, "was_stopped", r->was_stopped);
    sheet_fact_bool(s, "can_go_on", v->result->can_go_on);
    sheet_fact_bool(s, "was_patient", r->was_patient);
    sheet_fact_text(s, "trouble", r->trouble[0] ? r->trouble : NULL);
    sheet_fact_real(s, "seconds", v->seconds);
}

/* Why it ended where it ended. */
static void tell_ending(struct sheet *s, const struct view_retrained *v)
{
    const struct c2s_train_report *r = &v->result->report;
    char count[48];
    if (v->result->resumed_after > 0)
        sheet_after(s, SHEET_DIM, "went on after epoch %d", v->result->resumed_after);
    if (r->was_stopped)
        sheet_after(s, SHEET_WARNING, "stopped after epoch %d of %d", r->last_epoch,
                    v->plan->train.epochs);
    if (r->was_patient)
        sheet_after(s, SHEET_PLAIN, "ended after epoch %d of %d: %s without a better one",
                    r->last_epoch, v->plan->train.epochs,
                    view_count(v->plan->train.patience, "epoch", count, sizeof count));
    if (r->trouble[0])
        sheet_after(s, SHEET_WARNING, "ended early in %s", r->trouble);
    view_learned(s, &v->result->learned, VIEW_TRAINED);
}

/* Few samples decide by chance. */
static void tell_few_samples(struct sheet *s, const struct view_retrained *v)
{
    int64_t n_samples = v->result->report.n_validation;
    char n[48];
    if (n_samples == 0 || n_samples >= 20)
        return;
    sheet_after(s, SHEET_WARNING, "only %s decided, little more than chance: use more data",
                view_count(n_samples, "validation sample", n, sizeof n));
}

static void tell_accuracy(struct sheet *s, const struct view_retrained *v)
{
    const struct c2s_train_report *r = &v->result->report;
    const struct c2s_epoch *before = row_of(r, 0), *best = row_of(r, r->best_epoch);
    char n[48], parent[24];
    if (best && isnan(best->validation_accuracy))
        sheet_after(s, SHEET_WARNING,
                    "no validation: the lowest training loss decided; whether it is better than "
                    "%s was not measured",
                    view_version_name(v->result->parent, parent, sizeof parent));
    if (!before || !best || r->n_validation == 0)
        return;
    sheet_after(s, SHEET_PLAIN, "%s: %.2f %% right before, %.2f %% now",
                view_count(r->n_validation, "validation sample", n, sizeof n),
                100 * before->validation_accuracy, 100 * best->validation_accuracy);
}

/* The whole command, so that nothing else changes with the rate. */
static void advise_gentler(struct sheet *s, const struct c2s_retrain_plan *before)
{
    struct c2s_retrain_plan plan = *before;
    struct c2s_error ignored = {0};
    char *line = NULL;
    double usual = c2s_train_defaults().learning_rate, rate = plan.train.learning_rate;
    plan.train.learning_rate = rate > usual ? usual : c2s_train_gentler_rate(rate);
    if (rate > usual)
        sheet_after(s, SHEET_PLAIN, "the learning rate was %g; the usual one is %g", rate, usual);
    else
        sheet_after(s, SHEET_PLAIN, "a smaller learning rate or more --epochs may do better");
    if (c2s_retrain_plan_line(&plan, &line, &ignored))
        sheet_next(s, "Next: %s", line);
    c2s_text_free(line);
}

static void tell_nothing_better(struct sheet *s, const struct view_retrained *v)
{
    const struct c2s_train_report *r = &v->result->report;
    const struct c2s_epoch *before = row_of(r, 0);
    char name[24], n[48], of[64] = "";
    view_version_name(v->result->parent, name, sizeof name);
    if (r->n_validation > 0)
        snprintf(of, sizeof of, " of %s",
                 view_count(r->n_validation, "validation sample", n, sizeof n));
    sheet_after(s, SHEET_WARNING,
                "no epoch %s better than %s as it was (%.2f %%%s): no new version%s",
                v->result->can_go_on ? "is yet" : "was", name,
                before ? 100 * before->validation_accuracy : NAN, of,
                v->result->was_cached ? "; trained before, not again" : "");
    if (v->result->can_go_on) {
        sheet_next(s, "Next: retrain --resume goes on after epoch %d",
                   v->result->report.last_epoch);
        return;
    }
    if (!v->plan->validation)
        sheet_after(s, SHEET_DIM,
                    "if it was trained on the same data before, it knew the validation samples: "
                    "--validation DATASET decides on others");
    advise_gentler(s, v->plan);
}

static void tell_version(struct sheet *s, const struct view_retrained *v)
{
    char name[24], parent[24], bits[64];
    view_version_name(v->version->info.id, name, sizeof name);
    view_version_name(v->result->parent, parent, sizeof parent);
    view_bits(v->version->model, bits, sizeof bits);
    if (v->result->was_cached)
        sheet_after(s, SHEET_DIM, "%s: %s; trained before, nothing was trained again", name, bits);
    else if (v->result->is_new)
        sheet_after(s, SHEET_CHANGED, "%s from %s: %s, in %.2f s", name, parent, bits, v->seconds);
    else
        sheet_after(s, SHEET_DIM, "%s: %s; nothing new, such a version is there already", name,
                    bits);
    if (v->result->can_go_on)
        sheet_next(s, "Next: eval, or retrain --resume: goes on after epoch %d",
                   v->result->report.last_epoch);
    else if (view_is_quantized(v->version->model))
        sheet_next(s, "Next: eval, eval --akida, compare %s %s", parent, name);
    else if (strchr(bits, 'a') && strcmp(bits, "float") != 0)
        sheet_next(s, "Next: eval, quantize weights 4 --input 8");
    else
        sheet_next(s, "Next: eval, quantize activations 4");
}

struct sheet *view_retrained(const struct view_retrained *v)
{
    const struct c2s_train_report *r = &v->result->report;
    struct sheet *s = sheet_create("%s", "");
    add_facts(s, v);
    sheet_rows_key(s, "epochs");
    add_epochs(s, r->epochs, r->n_epochs, r->best_epoch);
    tell_ending(s, v);
    tell_few_samples(s, v);
    if (r->best_epoch == 0) {
        tell_nothing_better(s, v);
    } else {
        tell_accuracy(s, v);
        tell_version(s, v);
    }
    return s;
}

void view_add_story(struct sheet *s, const struct c2s_version *v)
{
    int best = c2s_best_epoch(v->epochs, v->n_epochs);
    int n = v->n_epochs > 0 ? v->epochs[v->n_epochs - 1].epoch : 0;
    for (int i = 0; i < v->n_epochs; i++) {
        char line[160];
        view_epoch_line(&v->epochs[i], n, line, sizeof line);
        sheet_before(s, v->epochs[i].epoch == best ? SHEET_GOOD : SHEET_PLAIN, "%s%s%s",
                     i == 0 ? "trained:  " : "          ", line,
                     v->epochs[i].epoch == best ? " (kept)" : "");
    }
}

void view_add_story_facts(struct sheet *s, const struct c2s_version *v)
{
    struct sheet *rows = sheet_create("%s", "");
    add_epochs(rows, v->epochs, v->n_epochs, c2s_best_epoch(v->epochs, v->n_epochs));
    sheet_fact_rows(s, "epochs", rows);
}
