/* Calibration: what data or arithmetic can better in a model without training it. Never changes its
 * input. The same model, data and request give the same bits on one machine, on any number of
 * threads. */
#ifndef C2S_CALIBRATE_H
#define C2S_CALIBRATE_H

#include <c2s/dataset.h>
#include <c2s/model.h>
#include <c2s/progress.h>

enum c2s_calibration {
    /* Activation ranges: the max_value of each ReLU, which quantize (rule 2.2) makes the range of
     * its levels, and of each ranged QuantizedReLU. One for a layer, from its values above 0. A
     * ReLU only gets a smaller one than it has; a quantized activation gets what the method says of
     * its float values: it is measured with all ranged activations of the model float and without
     * end. cnn2snn 1.8's activations have no max_value and stay. */
    C2S_CALIBRATE_RANGES,
    /* moving_mean and moving_variance become the mean and the population variance of what each
     * BatchNormalization gets, one after the other in the order of the model. */
    C2S_CALIBRATE_BATCH_NORM,
    /* Bias correction (Nagel et al. 2019, arXiv 1906.04721, section 4.2; cnn2snn 2.2.6
     * calibration/bias_correction.py): to each bias the mean over data and places of (reference -
     * model), per output channel, one layer after the other, so that the mean error of every
     * corrected layer is 0 on the data. A layer without bias gets one. */
    C2S_CALIBRATE_BIAS,
    /* Cross-layer equalization (Nagel et al. 2019, section 4.1), for a float model: channel i
     * between two kernels is divided by s_i in the first and multiplied in the second, s_i =
     * sqrt(r1_i / r2_i), r the largest magnitudes, in turn until nothing moves. Exact, because only
     * what commutes with a factor above 0 may stand between: ReLU without max_value, LeakyReLU,
     * pools, Flatten, Dropout; and nothing between the two kernels of a SeparableConv2D. Batch
     * normalizations are folded first. */
    C2S_CALIBRATE_EQUALIZE
};
const char *c2s_calibration_name(enum c2s_calibration c); /* "ranges", "batch-norm", ... */

enum c2s_range_method {
    C2S_RANGE_MSE,        /* least squared error of the levels: best of 193 ranges, 16 to an
                             octave, then of 128 around it */
    C2S_RANGE_PERCENTILE, /* the smallest value that at least `percentile` % of the values above 0
                             do not exceed (nearest rank): exact */
    C2S_RANGE_MAX         /* the largest value: exact */
};

struct c2s_calibrate_request {
    const struct c2s_model *model; /* borrowed, as all here; one input, one output, shapes known */
    enum c2s_calibration what;
    const struct c2s_dataset *data;    /* all of it is run; EQUALIZE takes none */
    const struct c2s_model *reference; /* BIAS: the same layers, by name, with float weights; its
                                          batch normalizations are folded where the model's are */
    enum c2s_range_method method;      /* RANGES */
    double percentile;                 /* above 0, up to 100 */
    int bits; /* of activations that are float (RANGES) and of the weights whose error is told
                 (EQUALIZE); 0 = 4 */
    const char *layers; /* glob list; NULL = all. EQUALIZE: both layers of a pair */
    const struct c2s_progress *progress;
};

/* One layer that was looked at. What does not belong to the request is NAN. */
struct c2s_calibrated_layer {
    char name[128];
    char partner[128]; /* EQUALIZE: the layer behind; the same name: its own pointwise kernel */
    char skipped[200]; /* why it stays as it is; "" = it does not */
    double range_before, range_after; /* RANGES: max_value, INFINITY = none */
    double clipped;                   /* RANGES: share of the values above 0 that exceed the new
                                         range, to 1/65536 of the largest */
    /* RANGES: signal to noise of the levels with the old range (of a ReLU without max_value: the
     * 2^bits - 1 that quantize would take) and with the new one. BIAS: of the layer's output
     * against the reference. EQUALIZE: of the kernel that the row is about, with so many bits. */
    double sqnr_before, sqnr_after;
    /* BATCH_NORM: largest change of a mean, in old deviations. BIAS: largest correction, in
     * deviations of the reference's channel. */
    double shift;
    double low, high; /* BATCH_NORM: new variance over old; EQUALIZE: the factors s */
};

struct c2s_calibrate_report {
    struct c2s_calibrated_layer *rows; /* owned; in the order of the model */
    int n_rows, n_changed;             /* n_changed: rows not skipped */
    int n_folded;                      /* batch normalizations; EQUALIZE */
    int64_t n_samples;
    /* Largest difference of an output over the largest output: EQUALIZE on a random batch, at most
     * 1e-5; else on up to 256 samples of the data. NAN = no engine can compute it. */
    double difference;
};

/* *out is new: the model with what changed. When nothing can be changed it is NULL and every row
 * says why. Fails: STATE (there is no such layer at all: says what to do instead; the reference
 * does not fit; an equalized model that computes something else), SHAPE (data and model do not
 * fit), UNSUPPORTED (several inputs or outputs, a layer no engine computes), RANGE (options, NaN or
 * infinite activations: names the layer), NOT_FOUND (layers names none), CANCELLED, NOMEM. Memory:
 * a batch of 64 samples and, for RANGES, 2 MB per activation. */
bool c2s_calibrate(const struct c2s_calibrate_request *request, struct c2s_model **out,
                   struct c2s_calibrate_report *report, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_calibrate_report_finish(struct c2s_calibrate_report *r); /* accepts a zeroed one */

#endif
