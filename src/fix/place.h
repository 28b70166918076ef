/* What a fix is given, how it answers, and the edits that several of them share. Private to
 * src/fix.
 */
#ifndef C2S_FIX_PLACE_H
#define C2S_FIX_PLACE_H

#include <c2s/fix.h>

#include "quant/rewrite.h"

/* A finding on a copy of the model, which the fix may change; it is thrown away unless the fix
 * answers that it applied. */
struct fix_place {
    struct c2s_model *m; /* shapes inferred; stale afterwards is fine */
    int layer;           /* the finding is about; -1 = the whole model */
    const struct c2s_rule_info *rule;
    const struct c2s_check_options *check;
    bool is_applied;
    char text[300]; /* applied: what was done; else why not, "" = it is not about this */
};
/* False is a failure such as NOMEM, never "does not apply". */
typedef bool fix_function(struct fix_place *p, struct c2s_error *err);

bool fix_applied(struct fix_place *p, const char *fmt, ...) C2S_PRINTF(2, 3); /* returns true */
bool fix_refused(struct fix_place *p, const char *fmt, ...) C2S_PRINTF(2, 3); /* returns true */
bool fix_cannot(struct fix_place *p, const char *fmt, ...) C2S_PRINTF(2, 3);  /* false */

/* The layer the finding is about, or NULL. */
struct c2s_layer *fix_layer(const struct fix_place *p);
bool fix_is_rule(const struct fix_place *p, const char *id);

/* The layer that alone reads `index`, which is no output, and reads nothing else; else -1. */
int fix_only_reader(const struct c2s_model *m, int index);
/* Goes back from `index` over layers of these ops (ends with C2S_OP_COUNT) that nothing else reads,
 * to the first of another kind: its index, or -1 when something else reads on the way. */
int fix_back_over(const struct c2s_model *m, int index, const enum c2s_op *ops);
/* The same forward; -1 when the way forks or ends. */
int fix_forward_over(const struct c2s_model *m, int index, const enum c2s_op *ops);
bool fix_has_neural_behind(const struct c2s_model *m, int index);

/* "BASE_SUFFIX", or with _1, _2... behind it, so that no layer has that name yet; returns out. */
char *fix_name(const struct c2s_model *m, const char *base, const char *suffix, char out[160]);
/* Another op in the same place: its class, no config, attributes as in a fresh layer. */
bool fix_set_op(struct c2s_layer *l, enum c2s_op op, struct c2s_error *err) C2S_MUST_CHECK;
/* A plain ReLU: zero below 0, the identity up to max_value. */
bool fix_is_plain_relu(const struct c2s_layer *l);
/* A ReLU or quantized activation that leaves what it gave as it is when applied twice. */
bool fix_is_idempotent(const struct c2s_layer *l);
bool fix_is_std(const struct c2s_layer *l); /* quantized by the deviation of all weights */

/* The kernel that moves over the image: KERNEL, or DEPTHWISE_KERNEL. */
enum c2s_role fix_spatial_role(const struct c2s_layer *l);
/* The first convolution of a model that takes images. */
bool fix_is_input_convolution(const struct fix_place *p, int layer);
/* The layer's own bias to write to, zeros [n] if it had none. NULL on NOMEM. */
struct c2s_tensor *fix_own_bias(struct c2s_layer *l, int64_t n, struct c2s_error *err);
/* The kernel in the middle of zeros: KH,KW become size, the old one begins at `at`. */
bool fix_embed(struct c2s_layer *l, const int size[2], const int at[2],
               struct c2s_error *err) C2S_MUST_CHECK;

/* Every fix of the table. */
#define X(id, kind, function, rules, title) fix_function function;
#include "fix/fixes.def"
#undef X

#endif
