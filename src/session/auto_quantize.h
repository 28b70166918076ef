/* What the recipe of auto-quantize and its stages share. */
#ifndef SESSION_AUTO_QUANTIZE_H
#define SESSION_AUTO_QUANTIZE_H

#include "session/private.h"

/* One run of the recipe. */
struct recipe {
    struct c2s_session *session;
    const struct c2s_auto_plan *plan;
    struct c2s_auto_report *report;
};

/* The stages: each describes in stage->text what it did, or why it was skipped. Fail with CANCELLED
 * when the user stopped them; what they made until then stays. */
bool auto_check(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err) C2S_MUST_CHECK;
bool auto_fix(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err) C2S_MUST_CHECK;
bool auto_calibrate(struct recipe *r, struct c2s_stage *stage,
                    struct c2s_error *err) C2S_MUST_CHECK;
bool auto_activations(struct recipe *r, struct c2s_stage *stage,
                      struct c2s_error *err) C2S_MUST_CHECK;
bool auto_weights(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err) C2S_MUST_CHECK;
/* stage->step says which of the two trainings. */
bool auto_retrain(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err) C2S_MUST_CHECK;
bool auto_verify(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err) C2S_MUST_CHECK;

/* Whether a stage will learn from data. */
bool auto_needs_data(struct recipe *r, bool *out, struct c2s_error *err) C2S_MUST_CHECK;
/* Of the current version; *has tells whether it was taken. */
bool auto_measure(struct recipe *r, const char *engine, struct c2s_measure *out, bool *has,
                  struct c2s_error *err) C2S_MUST_CHECK;
#endif
