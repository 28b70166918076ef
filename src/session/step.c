/* Commands in their canonical form: what history shows and a script replays. Options appear only
 * when they are not the default. */
#include "session/private.h"

#include <string.h>
#include <unistd.h>

bool step_is(const char *step, const char *command)
{
    size_t n = strlen(command);
    return strncmp(step, command, n) == 0 && (step[n] == ' ' || step[n] == '\0');
}

bool step_load(const char *path, const struct c2s_keras_read_options *options, char **out,
               struct c2s_error *err)
{
    struct text t = {0};
    text_add(&t, "load ");
    text_add_quoted(&t, path);
    if (options && options->config) {
        text_add(&t, " --config ");
        text_add_quoted(&t, options->config);
    }
    for (int i = 0; options && i < options->input_rank; i++)
        text_add(&t, i == 0 ? " --input-shape %lld" : ",%lld", (long long)options->input_dims[i]);
    return text_take(&t, out, err);
}

/* -1 and the bits of all other layers mean the same. */
static bool has_own_input_bits(const struct c2s_quantize_plan *p)
{
    return p->input_weight_quantization >= 0 &&
           p->input_weight_quantization != p->weight_quantization;
}

bool step_quantize(const struct c2s_quantize_plan *p, char **out, struct c2s_error *err)
{
    struct text t = {0};
    int weights = p->weight_quantization, activations = p->activ_quantization;
    bool own_input = has_own_input_bits(p);
    if (activations > 0 && weights == 0 && !own_input)
        text_add(&t, "quantize activations %d", activations);
    else if (activations == 0)
        text_add(&t, "quantize weights %d", weights);
    else if (activations == weights)
        text_add(&t, "quantize all %d", weights);
    else
        text_add(&t, "quantize all %d --activations %d", weights, activations);
    if (own_input)
        text_add(&t, " --input %d", p->input_weight_quantization);
    if (p->rule == C2S_RULE_18)
        text_add(&t, " --rule 1.8");
    if (p->layers && strcmp(p->layers, "*") != 0) {
        text_add(&t, " --layers ");
        text_add_quoted(&t, p->layers);
    }
    if (p->keep_batch_norm)
        text_add(&t, " --no-fold");
    return text_take(&t, out, err);
}

bool step_fix(const struct c2s_fix_request *request, char **out, struct c2s_error *err)
{
    struct text t = {0};
    const struct c2s_rule_info *rule = c2s_rule_find(request->rule);
    text_add(&t, "fix %s", rule ? rule->id : request->layers ? "" : "--all");
    if (request->layers && rule)
        text_add(&t, " --layers ");
    if (request->layers)
        text_add_quoted(&t, request->layers);
    if (request->approximate)
        text_add(&t, " --approximate");
    if (request->check.level != C2S_LEVEL_AKD1000)
        text_add(&t, " --level %s", c2s_level_name(request->check.level));
    if (request->check.profile != C2S_PROFILE_PRODUCTION)
        text_add(&t, " --profile %s", c2s_profile_name(request->check.profile));
    return text_take(&t, out, err);
}

const char *step_short_path(const char *path)
{
    char folder[4096];
    size_t n = getcwd(folder, sizeof folder) ? strlen(folder) : 0;
    if (n > 1 && strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] != '\0')
        return path + n + 1;
    return path;
}

bool step_use_data(const struct c2s_dataset_record *d, char **out, struct c2s_error *err)
{
    struct text t = {0};
    text_add(&t, "data use ");
    text_add_quoted(&t, step_short_path(d->path));
    if (d->labels) {
        text_add(&t, " --labels ");
        text_add_quoted(&t, step_short_path(d->labels));
    }
    if (d->scale != 1) {
        text_add(&t, " --scale ");
        text_add_number(&t, d->scale);
    }
    if (d->shift != 0) {
        text_add(&t, " --shift ");
        text_add_number(&t, d->shift);
    }
    if (d->limit > 0)
        text_add(&t, " --limit %lld", (long long)d->limit);
    if (d->limit > 0 && d->seed > 0)
        text_add(&t, " --seed %llu", (unsigned long long)d->seed);
    if (d->split && strcmp(d->split, "test") != 0) {
        text_add(&t, " --split ");
        text_add_quoted(&t, d->split);
    }
    return text_take(&t, out, err);
}
