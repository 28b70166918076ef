/* Turning a model into one with fewer bits: folding, plan, report. Never changes its input. */
#ifndef C2S_QUANTIZE_H
#define C2S_QUANTIZE_H

#include <c2s/model.h>
#include <c2s/progress.h>

enum c2s_rule { C2S_RULE_22, C2S_RULE_18 }; /* whose quantized activations: see layer.h */

struct c2s_quantize_plan {
    enum c2s_rule rule;
    /* Bits, or 0 = leave as it is: float stays float, quantized stays quantized (cnn2snn.quantize
     * fails there: with it a second call must repeat the bits of what the first one quantized). */
    int weight_quantization;       /* 2..8 */
    int activ_quantization;        /* 1..8 */
    int input_weight_quantization; /* 2..8, first neural layer; -1 = same as weight_quantization */
    const char *layers;            /* glob list on layer names, NULL = all; borrowed */
    bool keep_batch_norm;          /* true = do not fold (cnn2snn: fold_BN=False) */
    bool only_float;               /* true = layers that are quantized already stay as they are */
};

struct c2s_quantize_report {
    int n_swapped;                /* BatchNormalizations moved in front of a pool */
    int n_folded;                 /* BatchNormalizations folded */
    int n_weights, n_activations; /* layers whose bits changed */
    double fold_error; /* largest |folded - float| / max|float| on a random probe; 0 if no fold,
                          NAN when no engine can compute the model (a layer it does not know) */
};

/* The weights of Conv2D, SeparableConv2D and Dense get MaxPerAxisQuantizer (the depthwise kernel of
 * a SeparableConv2D MaxQuantizer), every ReLU becomes a quantized activation; what is quantized
 * already keeps its quantizer and gets other bits. All else stays: DepthwiseConv2D, Activation,
 * LeakyReLU, and for rule 2.2 a ReLU with a threshold. A ReLU without max_value gets
 * 2^bits - 1 under rule 2.2, which later quantizations keep; rule 1.8 knows one range of 6.
 * The dialect follows the rule of the first quantization and of one that makes other activations;
 * other bits for what is quantized already keep it, and the limit of scale factors.
 * *out is new; m is not changed; report may be NULL.
 * Before any bit is dropped the folded float model is compared with the original on a random probe
 * batch (seed fixed): a relative difference above 1e-5 fails with STATE.
 * Fails also: RANGE (bits; input_weight_quantization 0 for a first layer that is quantized already;
 * NaN or infinity among the parameters), UNSUPPORTED (names the layer: activation of its own,
 * dilation, groups, depth multiplier; ReLU with a slope; normalization that cannot be folded;
 * rule 2.2 with folding also several inputs or outputs, and joins but Concatenate), NOT_FOUND
 * (layers names nothing that the plan changes), CANCELLED, NOMEM. Source: cnn2snn 2.2.6
 * quantization.py and transforms/; 1.8.13 for rule 1.8. Unlike them: 1.8.13 moves a normalization
 * with gamma <= 0 in front of max pooling, which changes the function and is refused here; layers
 * inside submodels and on branches are quantized like the others; a normalization behind
 * DepthwiseConv2D is folded, and one without scale or center too. */
bool c2s_quantize(const struct c2s_model *m, const struct c2s_quantize_plan *plan,
                  const struct c2s_progress *progress, struct c2s_model **out,
                  struct c2s_quantize_report *report, struct c2s_error *err) C2S_MUST_CHECK;

/* The two rewrites alone, in place, on a model with inferred shapes; counts may be NULL. A failure
 * leaves the model half rewritten: give a clone.
 * Swap: MaxPooling2D or GlobalAveragePooling2D followed by BatchNormalization; fails with
 * UNSUPPORTED for max pooling when a gamma is not above 0.
 * Fold: neural layer followed by BatchNormalization, float32:
 *   k = gamma / sqrt(moving_variance + epsilon); kernel * k (the pointwise kernel when separable);
 *   bias = beta + (bias - moving_mean) * k
 * A layer that others read too, or with an activation of its own, keeps its normalization. Fails:
 * UNSUPPORTED (gamma 0 unless allowed, axis, quantizer that is not per axis), SHAPE. Where gamma 0
 * is allowed (cnn2snn 1.8) it makes its channel constant. */
bool c2s_model_swap_batch_norm_and_pool(struct c2s_model *m, int *n,
                                        struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_model_fold_batch_norm(struct c2s_model *m, bool allow_zero_gamma, int *n,
                               struct c2s_error *err) C2S_MUST_CHECK;

#endif
