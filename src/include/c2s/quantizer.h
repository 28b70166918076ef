/* Weight quantizers: float32 weights to integers and scale factors, exactly as cnn2snn does.
 * kmax = 2^(bits-1) - 1; integer = clip(round(w * sf), -kmax, kmax); rounding half to even.
 * Which quantizer a layer gets is decided in quantize.h. */
#ifndef C2S_QUANTIZER_H
#define C2S_QUANTIZER_H

#include <c2s/layer.h>

/* Scale factors of a tensor under a quantizer: sf = kmax / range, where range is max|w| (MAX kinds)
 * or threshold * population standard deviation (STD kinds), over the tensor or each channel.
 *   spec   bitwidth 2..8
 *   w      float32, rank >= 2, channels last
 *   trained_threshold  TRAINABLE_STD: its scalar; NULL or another kind: spec->threshold is used
 *   *sf    new float32 tensor: rank 0 (one scale) or [channels]; integer steps per weight unit
 * Limited (cnn2snn 2.2): at most 1000, so small weights do not reach kmax, and zeros give 1000.
 * Unlimited (1.8): a range of 0 has no scale in the reference, which divides by it; here sf = 1.
 * Fails: SHAPE, RANGE (bits, threshold, or NaN/Inf in w), NOMEM.
 * Source: cnn2snn 1.8.13 and 2.2.6, quantization_ops.py. MAX kinds equal it to the bit; STD kinds
 * to some units in the last place, as the order of TensorFlow's float32 sums is not fixed. */
bool c2s_quantizer_scale(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w,
                         const struct c2s_tensor *trained_threshold, struct c2s_tensor **sf,
                         struct c2s_error *err) C2S_MUST_CHECK;

/* New int8 tensor of w's shape: clip(round(w * sf), -kmax, kmax). sf as c2s_quantizer_scale gives.
 * Fails like it. */
bool c2s_quantizer_integers(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w,
                            const struct c2s_tensor *sf, struct c2s_tensor **integers,
                            struct c2s_error *err) C2S_MUST_CHECK;

/* New float32 tensor of w's shape: the weights as the quantized layer uses them (integer / sf).
 * Fails like it. */
bool c2s_quantizer_fake(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w,
                        const struct c2s_tensor *sf, struct c2s_tensor **quantized,
                        struct c2s_error *err) C2S_MUST_CHECK;

/* Weights as a quantized layer uses them, and where they come from; all borrowed. */
struct c2s_fake_weights {
    const struct c2s_quantizer_spec *spec;
    const struct c2s_tensor *w;                 /* float32 master weights, finite */
    const struct c2s_tensor *trained_threshold; /* TRAINABLE_STD, else NULL */
    const struct c2s_tensor *sf;                /* c2s_quantizer_scale of them */
};
/* The way back of c2s_quantizer_fake, as TensorFlow's autodiff goes it in cnn2snn. With d =
 * d loss / d fake, q = fake, p = 1 where |round(w * sf)| <= kmax (always with MAX kinds), else 0:
 * - Rounding is straight-through, clipping stops: d_w = p * d ...
 * - The scale factor is a function of the weights: d_range = sum d * (q - p * w) / range over the
 *   weights that share it. MAX kinds: d_range goes to the weight of largest magnitude, times its
 *   sign, in equal parts where several have it. STD kinds: range = threshold * std, so d_range *
 *   threshold * (w - mean) / (n * std) goes to each weight, and d_threshold = d_range * std.
 * - Nothing flows through a scale factor that is limited to 1000 (2.2), nor through one that is 1
 *   because the range is 0 (1.8), where the reference gives NaN.
 *   d            in   float32 of w's shape
 *   d_w          out  float32 of w's shape; may be d
 *   d_threshold  out  one number; may be NULL
 * Sums in float64. Source: quantization_ops.py, and the gradients of reduce_max, abs, reduce_std,
 * minimum and maximum in TensorFlow 2.10. */
void c2s_quantizer_gradient(const struct c2s_fake_weights *fake, const float *d, float *d_w,
                            double *d_threshold);

/* The way back of a quantized activation on n numbers, z = (x - threshold) / step:
 * - Rounding up is straight-through, clipping stops: d_in = p * d_out, p = 1 where 0 <= ceil(z) <=
 *   2^bits - 1, that is -1 < z <= 2^bits - 1, else 0. The level 0 lets the gradient pass for one
 *   step below the threshold.
 * - TRAINED: d_threshold = -sum p * d_out; d_step = 16 / 2^bits * sum (level - p * z) * d_out,
 * level 0..2^bits - 1; step here is the stored parameter. Both are added to sums; NULL = not
 * wanted. x, d_out in, d_in out, float32 [n]; d_in may be d_out, and NULL. Source:
 * quantization_layers.py of both releases, ceil_through and clip_by_value. */
struct c2s_activation_sums {
    double threshold, step;
};
void c2s_activation_gradient(const struct c2s_layer *l, const float *x, const float *d_out,
                             float *d_in, int64_t n, struct c2s_activation_sums *sums);

/* The quantizer of that role of a layer, borrowed; NULL = no kernel role. And the trained threshold
 * it uses: NULL = none. In which parameter: DEPTHWISE_THRESHOLD for the depthwise kernel of a
 * separable layer, WEIGHT_THRESHOLD for every other kernel. */
const struct c2s_quantizer_spec *c2s_layer_quantizer(const struct c2s_layer *l, enum c2s_role role);
enum c2s_role c2s_threshold_role(const struct c2s_layer *l, enum c2s_role kernel);
const struct c2s_tensor *c2s_layer_threshold(const struct c2s_layer *l, enum c2s_role role);

/* The kernel a layer computes with: the parameter of that role itself (new reference) when the
 * layer leaves it float, else its fake-quantized form (new). NULL out when it has no such role.
 * Fails like c2s_quantizer_scale, with the layer's name. */
bool c2s_layer_effective_kernel(const struct c2s_layer *l, enum c2s_role role,
                                struct c2s_tensor **out, struct c2s_error *err) C2S_MUST_CHECK;

/* Class name in the .h5 config: "MaxPerAxisQuantizer"; and back (old names included), NONE if none.
 */
const char *c2s_quantizer_class(enum c2s_quantizer_id id);
enum c2s_quantizer_id c2s_quantizer_from_class(const char *class_name);

#endif
