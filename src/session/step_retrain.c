/* The canonical form of a training: everything its result depends on. */
#include "session/private.h"

#include <stdlib.h>
#include <string.h>

#define TEACHER " --distill v"
#define STOP    " --stop-after "

static void add_number(struct text *t, const char *option, double value, double usual)
{
    if (value == usual)
        return;
    text_add(t, " %s ", option);
    text_add_number(t, value);
}

static void add_count(struct text *t, const char *option, int64_t value, int64_t usual)
{
    if (value != usual)
        text_add(t, " %s %lld", option, (long long)value);
}

static void add_augment(struct text *t, const struct c2s_augment *a)
{
    if (a->flip || a->shift > 0)
        text_add(t, " --augment %s", a->flip ? "flip" : "");
    if (a->shift > 0)
        text_add(t, "%sshift=%d", a->flip ? "," : "", a->shift);
}

static void add_word(struct text *t, const char *option, const char *word)
{
    if (!word)
        return;
    text_add(t, " %s ", option);
    text_add_quoted(t, word);
}

/* All that is a number, a word of a list or a glob. */
static void add_options(struct text *t, const struct c2s_train_options *o)
{
    const struct c2s_train_options usual = c2s_train_defaults();
    text_add(t, " --epochs %d --lr ", o->epochs); /* said even when usual: that may change */
    text_add_number(t, o->learning_rate);
    if (o->optimizer.kind == C2S_SGD)
        text_add(t, " --optimizer sgd");
    if (o->schedule != usual.schedule)
        text_add(t, " --schedule %s", c2s_schedule_name(o->schedule));
    add_count(t, "--batch", o->batch, usual.batch);
    if (o->loss != C2S_LOSS_AUTO)
        text_add(t, " --loss %s", c2s_loss_name(o->loss));
    add_augment(t, &o->augment);
    add_count(t, "--patience", o->patience, usual.patience);
    add_count(t, "--seed", (int64_t)o->seed, (int64_t)usual.seed);
    add_word(t, "--freeze", o->freeze);
}

static void add_data(struct text *t, const char *data, const char *validation, double share)
{
    add_word(t, "--data", data);
    add_word(t, "--validation", validation);
    if (!validation)
        add_number(t, "--validation", share, c2s_train_defaults().validation);
}

static void add_engine(struct text *t, const char *engine)
{
    if (engine && strcmp(engine, "dnnl") != 0)
        text_add(t, " --engine %s", engine);
}

bool c2s_retrain_plan_line(const struct c2s_retrain_plan *plan, char **out, struct c2s_error *err)
{
    struct text t = {0};
    text_add(&t, "retrain");
    add_data(&t, plan->data, plan->validation, plan->train.validation);
    add_options(&t, &plan->train);
    add_word(&t, "--distill", plan->teacher);
    add_engine(&t, plan->train.engine);
    return text_take(&t, out, err);
}

bool step_retrain(const struct step_training *s, char **out, struct c2s_error *err)
{
    struct text t = {0};
    const struct c2s_train_options *o = s->options;
    text_add(&t, "retrain");
    add_data(&t, s->data, s->validation, o->validation);
    add_options(&t, o);
    if (s->teacher)
        text_add(&t, TEACHER "%lld", (long long)s->teacher);
    add_engine(&t, o->engine);
    if (o->stop_after > 0)
        text_add(&t, STOP "%d", o->stop_after);
    return text_take(&t, out, err);
}

/* Up to the option that says where it stopped, which is always the last one. */
static size_t length_without_stop(const char *step)
{
    const char *stop = NULL;
    for (const char *at = step; (at = strstr(at, STOP)); at++)
        stop = at; /* a path may hold the same words */
    if (stop && stop[strlen(STOP) + strspn(stop + strlen(STOP), "0123456789")] == '\0')
        return (size_t)(stop - step);
    return strlen(step);
}

bool step_is_stop_of(const char *step, const char *whole)
{
    size_t n = length_without_stop(step);
    return step[n] && strncmp(step, "retrain ", 8) == 0 && n == length_without_stop(whole) &&
           strncmp(step, whole, n) == 0;
}

static const char *find_teacher(const char *step)
{
    const char *at = strncmp(step, "retrain ", 8) == 0 ? strstr(step, TEACHER) : NULL;
    return at ? at + strlen(TEACHER) : NULL;
}

int64_t step_teacher(const char *step)
{
    const char *at = find_teacher(step);
    return at ? strtoll(at, NULL, 10) : 0;
}

bool step_with_teacher(const char *step, int64_t teacher, char **out, struct c2s_error *err)
{
    struct text t = {0};
    const char *at = find_teacher(step);
    if (at)
        text_add(&t, "%.*s%lld%s", (int)(at - step), step, (long long)teacher,
                 at + strspn(at, "0123456789"));
    else
        text_add(&t, "%s", step);
    return text_take(&t, out, err);
}
