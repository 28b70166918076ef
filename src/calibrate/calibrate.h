/* What the kinds of calibration share: running a model over data, and rows of the report. */
#ifndef CALIBRATE_CALIBRATE_H
#define CALIBRATE_CALIBRATE_H

#include <c2s/calibrate.h>
#include <c2s/engine.h>

/* One calibration under way. */
struct calibration {
    const struct c2s_calibrate_request *request;
    struct c2s_model *model;             /* the copy that changes */
    struct c2s_calibrate_report *report; /* has room for the rows of all layers, twice */
    int n_passes;                        /* over the data, in all */
    int passes_done;
};

/* The kinds; each adds a row for every layer of its sort that the request names. */
bool calibrate_ranges(struct calibration *c, struct c2s_error *err) C2S_MUST_CHECK;
bool calibrate_batch_norm(struct calibration *c, struct c2s_error *err) C2S_MUST_CHECK;
bool calibrate_bias(struct calibration *c, struct c2s_error *err) C2S_MUST_CHECK;
bool calibrate_equalize(struct calibration *c, struct c2s_error *err) C2S_MUST_CHECK;

bool calibrate_names(const struct calibration *c, const struct c2s_layer *l);
/* A new row with everything NAN; its layer counts as changed until it is skipped. Borrowed. */
struct c2s_calibrated_layer *calibrate_row(struct calibration *c, const struct c2s_layer *l);
void calibrate_skip(struct calibration *c, struct c2s_calibrated_layer *row, const char *fmt, ...)
    C2S_PRINTF(3, 4);

/* One run of one model over the data, or of two side by side. */
struct pass {
    const struct c2s_model *models[2];   /* the second may be NULL */
    const struct c2s_observer *observer; /* of the first, or NULL */
    const struct c2s_error *observed;    /* what made the observer cancel, if it was no user */
    /* The outputs of both for one batch, borrowed. May be NULL. */
    bool (*batch)(void *arg, struct c2s_tensor *const outputs[2], struct c2s_error *err);
    void *arg;
    int64_t limit; /* samples; 0 = all */
};
bool calibrate_pass(struct calibration *c, const struct pass *p,
                    struct c2s_error *err) C2S_MUST_CHECK;

/* New model that ends at layer `index`: the layers up to it. */
struct c2s_model *calibrate_truncated(const struct c2s_model *m, int index,
                                      struct c2s_error *err) C2S_MUST_CHECK;

/* range.c: the distribution of the values above 0 of one activation, in two looks over the data.
 * First look: largest value, sum of squares, counts by the upper 16 bits of the float32 (which grow
 * with the value). Second: counts by the lower 16 bits within one of those, which makes a rank
 * exact; and counts and sums in 65,536 equal bins up to the largest value. */
struct range {
    int64_t n;      /* values above 0 */
    double largest; /* of them; 0 = none */
    double squares;
    bool has_odd;   /* NaN or infinity was seen */
    int64_t *upper; /* [32768], owned, as are all here */
    int64_t *lower; /* [65536], from the second look on */
    int64_t rank;   /* of the percentile, from 1 */
    int64_t before; /* values in upper bins below upper_bin */
    uint32_t upper_bin;
    int64_t *counts; /* [65537], from the second look on; after range_end cumulative: below bin i */
    double *sums;    /* likewise */
};
bool range_begin(struct range *r, struct c2s_error *err) C2S_MUST_CHECK;
void range_add(struct range *r, const struct c2s_tensor *t);
bool range_look_again(struct range *r, double percentile, struct c2s_error *err) C2S_MUST_CHECK;
void range_add_again(struct range *r, const struct c2s_tensor *t);
void range_end(struct range *r);
void range_finish(struct range *r); /* accepts a zeroed one */

double range_percentile(const struct range *r);
/* max_value with the least squared error of 2^bits - 1 levels above 0. */
double range_least_error(const struct range *r, int bits);
/* Sum over all values of (level - value)^2, exact but for the bins that an edge between two levels
 * cuts; and 10 log10(squares / that). */
double range_error(const struct range *r, double max_value, int bits);
double range_sqnr(const struct range *r, double max_value, int bits);
double range_clipped(const struct range *r, double max_value); /* share above max_value */

#endif
