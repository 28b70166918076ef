/* Turning a model into one with fewer bits: folding, plan, report. Never changes its input. */
#ifndef C2S_QUANTIZE_H
#define C2S_QUANTIZE_H

#include <c2s/model.h>
#include <c2s/progress.h>

enum c2s_rule { C2S_RULE_22, C2S_RULE_18 }; /* whose quantized activations: see layer.h */

struct c2s_quantize_plan {
    enum c2s_rule rule;
    /* Bits, or 0 = leave as it is (float stays float), as in cnn2snn.quantize. */
    int weight_quantization;       /* 2..8 */
    int activ_quantization;        /* 1..8 */
    int input_weight_quantization; /* 2..8, first neural layer; -1 = same as weight_quantization */
    const char *layers;            /* glob list on layer names, NULL = all; borrowed */
    bool keep_batch_norm;          /* true = do not fold (cnn2snn: fold_BN=False) */
};

struct c2s_quantize_report {
    int n_swapped;                /* BatchNormalizations moved in front of a pool */
    int n_folded;                 /* BatchNormalizations folded */
    int n_weights, n_activations; /* layers whose bits changed */
    double fold_error; /* largest |folded - float| / max|float| on a random probe; 0 if no fold */
};

/* *out is new. The folded float model is compared with the original on a random probe batch (seed
 * fixed) before any bit is dropped: a relative difference above 1e-5 fails with STATE.
 * Fails also: RANGE (bits; 0 for a layer that is quantized already), UNSUPPORTED (with the layer's
 * name), NOT_FOUND (the glob matches no layer), CANCELLED, NOMEM.
 * Source: cnn2snn 2.2.6 quantization.py and transforms/; 1.8.13 for rule 1.8. */
bool c2s_quantize(const struct c2s_model *m, const struct c2s_quantize_plan *plan,
                  const struct c2s_progress *progress, struct c2s_model **out,
                  struct c2s_quantize_report *report, struct c2s_error *err) C2S_MUST_CHECK;

/* The two rewrites alone, in place; counts may be NULL. */
bool c2s_model_swap_batch_norm_and_pool(struct c2s_model *m, int *n,
                                        struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_model_fold_batch_norm(struct c2s_model *m, int *n, struct c2s_error *err) C2S_MUST_CHECK;

#endif
