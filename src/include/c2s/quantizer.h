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
