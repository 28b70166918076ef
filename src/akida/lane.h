/* A converted network prepared for batches of one size; used by one thread at a time. */
#ifndef C2S_AKIDA_LANE_H
#define C2S_AKIDA_LANE_H

#include <c2s/akida.h>

struct akida_lane;

/* Who wants to see the output of each layer; as in c2s_akida_runner_run. */
struct akida_watch {
    bool (*each)(void *arg, int layer, const struct c2s_tensor *y);
    void *arg;
};

/* net is borrowed. fast = false: naive loops only. */
bool akida_lane_create(const struct c2s_akida_net *net, bool fast, struct akida_lane **out,
                       struct c2s_error *err) C2S_MUST_CHECK;
void akida_lane_destroy(struct akida_lane *lane); /* accepts NULL */

/* Makes it ready for batches of that many samples, by the number of threads of OpenMP then set. */
bool akida_lane_prepare(struct akida_lane *lane, int64_t batch,
                        struct c2s_error *err) C2S_MUST_CHECK;
/* x: that batch, [batch, input_dims]; y: int32 [batch, output_dims of the last layer]. watch may
 * be NULL. */
bool akida_lane_run(struct akida_lane *lane, const uint8_t *x, const struct akida_watch *watch,
                    int32_t *y, struct c2s_error *err) C2S_MUST_CHECK;

#endif
