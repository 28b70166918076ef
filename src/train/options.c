/* What a training can be told: defaults, names, limits, and the learning rate of each step. */
#include <math.h>

#include "train/trainer.h"

struct c2s_train_options c2s_train_defaults(void)
{
    return (struct c2s_train_options){.epochs = 3,
                                      .learning_rate = 5e-4,
                                      .optimizer = {.kind = C2S_ADAM},
                                      .schedule = C2S_SCHEDULE_COSINE,
                                      .batch = 128,
                                      .validation = 0.1,
                                      .seed = 1,
                                      .teacher_share = 0.5};
}

double c2s_train_gentler_rate(double rate)
{
    return fmin(rate / 10, c2s_train_defaults().learning_rate);
}

const char *c2s_schedule_name(enum c2s_schedule schedule)
{
    static const char *const names[] = {"constant", "cosine", "step"};
    return names[schedule];
}

bool train_check_options(const struct c2s_train_options *o, struct c2s_error *err)
{
    if (o->epochs < 1 || o->epochs > 100000)
        return c2s_fail(err, C2S_RANGE, "%d epochs; train 1 to 100000", o->epochs);
    if (o->batch < 1 || o->batch > 65536)
        return c2s_fail(err, C2S_RANGE, "a batch of %d samples; use 1 to 65536", o->batch);
    if (!(o->learning_rate > 0) || !isfinite(o->learning_rate))
        return c2s_fail(err, C2S_RANGE, "a learning rate of %g; use a number above 0, such as 1e-3",
                        o->learning_rate);
    if (!(o->validation >= 0) || o->validation > 0.9)
        return c2s_fail(err, C2S_RANGE, "a share of %g for validation; use 0 to 0.9, such as 0.1",
                        o->validation);
    if (!(o->teacher_share >= 0) || o->teacher_share > 1)
        return c2s_fail(err, C2S_RANGE, "a teacher's share of %g; use 0 to 1", o->teacher_share);
    if (o->augment.shift < 0 || o->augment.shift > 1000)
        return c2s_fail(err, C2S_RANGE, "a shift by %d pixels; use 0 to 1000", o->augment.shift);
    if (o->patience < 0 || o->stop_after < 0)
        return c2s_fail(err, C2S_RANGE, "a number of epochs below 0; use 0 for never");
    return true;
}

double train_rate(const struct c2s_train_options *o, int64_t step, int64_t n_steps)
{
    const double pi = 3.14159265358979323846;
    double part = (double)step / (double)n_steps;
    switch (o->schedule) {
    case C2S_SCHEDULE_COSINE:
        return o->learning_rate * (1 + cos(pi * part)) / 2;
    case C2S_SCHEDULE_STEP:
        return o->learning_rate * (part < 0.5 ? 1 : part < 0.75 ? 0.1 : 0.01);
    case C2S_SCHEDULE_CONSTANT:
        break;
    }
    return o->learning_rate;
}
