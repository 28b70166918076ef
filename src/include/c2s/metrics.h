/* Accuracy of a model on data with its uncertainty, and whether two models differ. */
#ifndef C2S_METRICS_H
#define C2S_METRICS_H

#include <c2s/dataset.h>
#include <c2s/engine.h>

struct c2s_metrics {
    int64_t n, correct;
    double loss;    /* mean cross-entropy in nats; outputs that are no probabilities (the model ends
                       without softmax, or the engine leaves it out) go through softmax first; a
                       probability counts as at least 1e-7, as in Keras */
    double seconds; /* wall clock of the evaluation */
};

/* Runs the engine over the data in batches. predictions [n], if not NULL, gets the class of each
 * sample (the largest output, the lowest index on a tie). A model with one output unit predicts
 * class 1 when it is > 0.5. Batches are as large as the engine was made for. Fails: SHAPE (data
 * does not fit the model: both shapes), UNSUPPORTED (several inputs or outputs), RANGE (an output
 * is NaN), CANCELLED, and as the engine does. */
bool c2s_evaluate(struct c2s_engine *e, const struct c2s_dataset *d,
                  const struct c2s_progress *progress, struct c2s_metrics *out,
                  int32_t *predictions, struct c2s_error *err) C2S_MUST_CHECK;

/* Whether c2s_evaluate can take the data. Fails as it does, with SHAPE or UNSUPPORTED. */
bool c2s_evaluate_fits(const struct c2s_model *m, const struct c2s_dataset *d,
                       struct c2s_error *err) C2S_MUST_CHECK;

/* Share of samples that are right, 0..1; NAN without samples. */
double c2s_accuracy(const struct c2s_metrics *m);

/* 95 % confidence interval of a proportion, Wilson score (Wilson 1927, JASA 22:209). n 0: 0..1. */
void c2s_wilson_interval(int64_t correct, int64_t n, double *low, double *high);

/* McNemar's exact test (two-sided binomial) on the samples where exactly one of two models is
 * right: probability of so uneven a split if both were equally good. 1 when there are none. */
double c2s_mcnemar(int64_t only_first_right, int64_t only_second_right);

#endif
