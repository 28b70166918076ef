/* One Akida layer prepared for batches of one size, and its run over such a batch: the loops that
 * give its exact integers fastest. What a layer means is in simulate.h. */
#ifndef C2S_AKIDA_STAGE_H
#define C2S_AKIDA_STAGE_H

#include "akida/dnnl_integer.h"
#include "akida/fast_loops.h"
#include "akida/routes.h"

struct akida_buffer {
    void *data;
    size_t bytes;
};
bool akida_reserve(struct akida_buffer *b, size_t bytes, struct c2s_error *err) C2S_MUST_CHECK;

/* What stages need while they run; one thread's stages share it. Zeroed at first. */
struct akida_scratch {
    struct akida_buffer padded, source, middle, sums, pooled;
};
void akida_scratch_finish(struct akida_scratch *scratch);

struct akida_stage {
    const struct c2s_akida_layer *l; /* borrowed */
    struct akida_geometry g;
    int8_t *plain; /* owned */
    struct akida_levels levels;
    enum route route;
    bool pads_input;                      /* with another value than 0 */
    int64_t batch, tile;                  /* samples: of a run, and of the products */
    struct akida_product *first, *second; /* second: the pointwise half of a separable layer */
};

/* l is borrowed. fast = false: naive loops only. On failure the stage may be finished. */
bool akida_stage_init(struct akida_stage *s, const struct c2s_akida_layer *l, bool fast,
                      struct c2s_error *err) C2S_MUST_CHECK;
void akida_stage_finish(struct akida_stage *s); /* accepts a zeroed one */

/* d is borrowed until the stage's end; NULL when the stage is not fast. */
bool akida_stage_prepare(struct akida_stage *s, struct akida_dnnl *d, int64_t batch,
                         struct c2s_error *err) C2S_MUST_CHECK;
/* x: [batch, in]. y: uint8 [batch, out], or int32, the potentials, when the layer has no
 * activation. Not for InputData. Fails: RANGE when a potential leaves int32, NOMEM. */
bool akida_stage_run(const struct akida_stage *s, struct akida_scratch *scratch, const uint8_t *x,
                     void *y, struct c2s_error *err) C2S_MUST_CHECK;

#endif
