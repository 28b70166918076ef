/* Walking the graph layer by layer over a whole batch, with an observer. */
#ifndef C2S_ENGINE_WALK_H
#define C2S_ENGINE_WALK_H

#include "engine/engines.h"

/* Calls compute for every layer but INPUT, in order; in[n_inputs] and out are [batch, ...]; a
 * layer's output is freed after its last reader. Otherwise as ops->run. */
bool engine_walk(struct c2s_engine *e,
                 bool (*compute)(struct c2s_engine *e, int index, struct c2s_tensor *const *in,
                                 struct c2s_tensor *out, struct c2s_error *err),
                 const struct c2s_tensor *const *inputs, struct c2s_tensor **outputs,
                 const struct c2s_observer *observer, struct c2s_error *err) C2S_MUST_CHECK;

#endif
