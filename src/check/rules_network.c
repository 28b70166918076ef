/* Rules about the numbers of the converted network: thresholds and activation steps. */
#include <math.h>
#include <string.h>

#include "check/rule.h"

static const char *predicted(const struct c2s_check_run *run)
{
    return run->is_predicted ? ", once quantized to weights 4, activations 4" : "";
}

/* The conversion was tried and refused; the refusal of a threshold has a rule of its own. */
static bool is_refused(struct c2s_check_run *run, bool for_threshold)
{
    const struct c2s_error *e = &run->conversion;
    return !c2s_check_network(run) && e->code != C2S_OK && e->code != C2S_NOMEM &&
           (strcmp(e->rule, "E038") == 0) == for_threshold;
}

void c2s_rule_conversion(struct c2s_check_run *run)
{
    if (is_refused(run, false))
        c2s_report(run, -1, "%s%s%s", run->conversion.where, run->conversion.where[0] ? ": " : "",
                   run->conversion.text);
}

void c2s_rule_threshold_overflow(struct c2s_check_run *run)
{
    static const char place[] = "layer "; /* as akida_thresholds says it */
    if (is_refused(run, true))
        c2s_report(run, c2s_model_find(run->m, run->conversion.where + strlen(place)), "%.*s%s",
                   (int)strcspn(run->conversion.text + strlen("E038: "), ";"),
                   run->conversion.text + strlen("E038: "), predicted(run));
}

void c2s_rule_small_act_step(struct c2s_check_run *run)
{
    const struct c2s_akida_net *net = c2s_check_network(run);
    for (int i = 0; net && i < net->n_layers; i++) {
        const struct c2s_tensor *steps = net->layers[i].act_step;
        int64_t n = 0, n_steps = steps ? c2s_tensor_count(steps) : 0;
        float least = INFINITY;
        for (int64_t k = 0; k < n_steps; k++) {
            n += !(c2s_f32(steps)[k] >= 1.0f / 16);
            least = fminf(least, c2s_f32(steps)[k]);
        }
        if (n > 0)
            c2s_report(run, c2s_model_find(run->m, net->layers[i].name),
                       "act_step %.3g in %lld of %lld filters; at least 0.0625%s", (double)least,
                       (long long)n, (long long)n_steps, predicted(run));
    }
}

void c2s_rule_act_step_range(struct c2s_check_run *run)
{
    const struct c2s_akida_net *net = c2s_check_network(run);
    for (int i = 0; net && i < net->n_layers; i++) {
        const struct c2s_akida_layer *l = &net->layers[i];
        int most = l->type == C2S_AKIDA_INPUT_CONVOLUTIONAL ? run->target->input_max_act_step
                                                            : run->target->max_act_step;
        int64_t n = 0,
                n_steps = l->act_step && l->has_activation ? c2s_tensor_count(l->act_step) : 0;
        float largest = 0;
        for (int64_t k = 0; k < n_steps; k++) {
            n += floorf(c2s_f32(l->act_step)[k]) > (float)most;
            largest = fmaxf(largest, c2s_f32(l->act_step)[k]);
        }
        if (n > 0)
            c2s_report(run, c2s_model_find(run->m, l->name),
                       "act_step up to %.0f in %lld of %lld filters; at most %d%s",
                       floor((double)largest), (long long)n, (long long)n_steps, most,
                       predicted(run));
    }
}

void c2s_rule_threshold_range(struct c2s_check_run *run)
{
    const struct c2s_akida_net *net = c2s_check_network(run);
    for (int i = 0; net && i < net->n_layers; i++) {
        const struct c2s_akida_layer *l = &net->layers[i];
        int64_t most = l->type == C2S_AKIDA_INPUT_CONVOLUTIONAL ? run->target->input_max_threshold
                                                                : run->target->max_threshold;
        int64_t n_thresholds =
            l->threshold && l->has_activation ? c2s_tensor_count(l->threshold) : 0;
        int64_t n = 0, farthest = 0;
        for (int64_t k = 0; k < n_thresholds; k++) {
            int64_t t = c2s_i32(l->threshold)[k];
            n += t > most || t < -most - 1;
            if ((t < 0 ? -t : t) > (farthest < 0 ? -farthest : farthest))
                farthest = t;
        }
        if (n > 0)
            c2s_report(run, c2s_model_find(run->m, l->name),
                       "threshold %lld in %lld of %lld filters; from %lld to %lld%s",
                       (long long)farthest, (long long)n, (long long)n_thresholds,
                       (long long)(-most - 1), (long long)most, predicted(run));
    }
}
