/* Losses of a batch and their gradients, as Keras 2.10 defines them. */
#include <c2s/optimizer.h>

#include <math.h>

#include "train/fit.h"

static const double epsilon = 1e-7; /* keras.backend.epsilon() */

static const char *const names[] = {
    [C2S_LOSS_AUTO] = "auto",
    [C2S_LOSS_CROSSENTROPY] = "crossentropy",
    [C2S_LOSS_MSE] = "mse",
    [C2S_LOSS_HINGE] = "hinge",
};

const char *c2s_loss_name(enum c2s_loss_kind kind)
{
    return names[kind];
}

struct c2s_loss c2s_loss_of(enum c2s_loss_kind kind, const struct c2s_model *m)
{
    const struct c2s_layer *last = m->layers[m->outputs[0]];
    enum c2s_function f = c2s_layer_function(last);
    struct c2s_loss loss = {.kind = kind == C2S_LOSS_AUTO ? C2S_LOSS_CROSSENTROPY : kind,
                            .units = 1};
    for (int i = 0; i < last->rank; i++)
        loss.units *= last->dims[i];
    loss.is_probability = train_ending_of(m) != TRAIN_ENDS_PLAIN;
    loss.takes_logits =
        loss.kind == C2S_LOSS_CROSSENTROPY && (f == C2S_FN_SOFTMAX || f == C2S_FN_SIGMOID);
    return loss;
}

struct c2s_batch_loss c2s_loss_batch(const struct c2s_loss *l)
{
    return (struct c2s_batch_loss){c2s_loss_samples, l, l->takes_logits};
}

/* What a sample should give: shares of probability by label and by teacher. */
struct target {
    int64_t units;
    double hard, soft; /* weight of the label and of the teacher in the crossentropy */
    int32_t label;
    const float *teacher;    /* NULL = none */
    double largest, divisor; /* teacher's probability = exp(y - largest) / divisor; 0 = y itself */
};

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static struct target target_of(const struct c2s_loss *l, int64_t sample)
{
    struct target t = {.units = l->units, .label = l->labels[sample]};
    double share = l->teacher ? l->teacher_share : 0;
    t.hard = l->kind == C2S_LOSS_MSE || l->kind == C2S_LOSS_HINGE ? 0 : 1 - share;
    if (share > 0) {
        t.soft = share;
        t.teacher = l->teacher + sample * l->units;
    }
    if (!t.teacher || l->is_probability || l->units == 1)
        return t;
    t.largest = (double)t.teacher[0];
    for (int64_t i = 1; i < l->units; i++)
        t.largest = fmax(t.largest, (double)t.teacher[i]);
    for (int64_t i = 0; i < l->units; i++)
        t.divisor += exp((double)t.teacher[i] - t.largest);
    return t;
}

/* The share of class i; of one unit, that of class 1. */
static double share_of(const struct c2s_loss *l, const struct target *t, int64_t i)
{
    double share = t->hard * (t->label == (l->units == 1 ? 1 : i));
    if (!t->teacher)
        return share;
    double y = (double)t->teacher[i];
    if (t->divisor > 0)
        y = exp(y - t->largest) / t->divisor;
    else if (!l->is_probability)
        y = sigmoid(y);
    return share + t->soft * y;
}

static bool is_clipped(double p)
{
    return p < epsilon || p > 1 - epsilon;
}

static double clip(double p)
{
    return fmin(fmax(p, epsilon), 1 - epsilon);
}

static bool gets_probabilities(const struct c2s_loss *l)
{
    return l->is_probability && !l->takes_logits;
}

/* Sum of exp(z - largest), or of clipped probabilities. */
static double divisor_of(const struct c2s_loss *l, const float *y, double *largest)
{
    double sum = 0;
    *largest = (double)y[0];
    for (int64_t i = 1; i < l->units; i++)
        *largest = fmax(*largest, (double)y[i]);
    for (int64_t i = 0; i < l->units; i++)
        sum += gets_probabilities(l) ? clip((double)y[i]) : exp((double)y[i] - *largest);
    return sum;
}

/* Crossentropy of several units; adds to d. */
static double classes(const struct c2s_loss *l, const struct target *t, const float *y,
                      double scale, float *d)
{
    double largest, divisor = divisor_of(l, y, &largest), total = t->hard + t->soft, loss = 0;
    for (int64_t i = 0; i < l->units; i++) {
        double share = share_of(l, t, i), p = clip((double)y[i]), slope;
        if (gets_probabilities(l)) {
            loss -= share * log(p / divisor);
            slope = is_clipped((double)y[i]) ? 0 : total / divisor - share / p;
        } else {
            loss += share * (log(divisor) + largest - (double)y[i]);
            slope = total * exp((double)y[i] - largest) / divisor - share;
        }
        d[i] += (float)(slope * scale);
    }
    return loss;
}

/* Crossentropy of one unit. */
static double one_unit(const struct c2s_loss *l, const struct target *t, double y, double scale,
                       float *d)
{
    double share = share_of(l, t, 0), other = t->hard + t->soft - share;
    if (!gets_probabilities(l)) {
        *d += (float)(((share + other) * sigmoid(y) - share) * scale);
        return (share + other) * (fmax(y, 0) + log1p(exp(-fabs(y)))) - share * y;
    }
    double p = clip(y), yes = p + epsilon, no = 1 - p + epsilon;
    *d += (float)(is_clipped(y) ? 0 : (other / no - share / yes) * scale);
    return -share * log(yes) - other * log(no);
}

/* Mean over units of squared distance or hinge. */
static double distance(const struct c2s_loss *l, const struct target *t, const float *y,
                       double scale, float *d)
{
    double loss = 0, units = (double)l->units;
    for (int64_t i = 0; i < l->units; i++) {
        bool is_label = t->label == (l->units == 1 ? 1 : i);
        double sign = is_label ? 1 : -1, gap = (double)y[i] - (is_label ? 1 : 0);
        double missing = 1 - sign * (double)y[i];
        bool is_mse = l->kind == C2S_LOSS_MSE;
        loss += is_mse ? gap * gap / units : fmax(missing, 0) / units;
        d[i] += (float)((is_mse ? 2 * gap : missing >= 0 ? -sign : 0) / units * scale);
    }
    return loss;
}

static bool is_correct(const struct c2s_loss *l, const float *y, int32_t label)
{
    int64_t best = 0;
    if (l->units == 1)
        return (y[0] > (l->takes_logits ? 0.0f : 0.5f)) == (label == 1);
    for (int64_t i = 1; i < l->units; i++)
        best = y[i] > y[best] ? i : best;
    return best == label;
}

void c2s_loss_samples(const void *arg, int64_t first, int64_t n, int64_t batch, const float *output,
                      float *gradient, struct c2s_loss_sum *sum)
{
    const struct c2s_loss *l = arg;
    for (int64_t s = 0; s < n; s++) {
        const float *y = output + s * l->units;
        float *d = gradient + s * l->units;
        struct target t = target_of(l, first + s);
        double scale = 1 / (double)batch;
        for (int64_t i = 0; i < l->units; i++)
            d[i] = 0;
        if (t.hard + t.soft > 0)
            sum->loss += l->units == 1 ? one_unit(l, &t, (double)y[0], scale, d)
                                       : classes(l, &t, y, scale, d);
        if (l->kind == C2S_LOSS_MSE || l->kind == C2S_LOSS_HINGE) {
            double share = 1 - (t.teacher ? l->teacher_share : 0);
            sum->loss += share * distance(l, &t, y, scale * share, d);
        }
        sum->correct += is_correct(l, y, t.label);
    }
}
