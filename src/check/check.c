/* Runs every rule of the level asked for and sorts what they report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "check/rule.h"

enum scope { LAYERS, PATH, NETWORK }; /* as rules.def explains them */

static const struct {
    enum scope scope;
    c2s_rule_function *function;
} rules[] = {
#define X(id, severity, level, scope, function, title, reason, remedy, source)                     \
    {scope, c2s_##function},
#include "rules/rules.def"
#undef X
};

/* Paths share layers: what was found on one is not told again. */
static bool was_reported(const struct c2s_check_run *run, int layer, const char *text)
{
    for (int i = 0; run->first_chain && i < run->out->n_rows; i++) {
        const struct c2s_finding *row = &run->out->rows[i];
        if (row->rule == run->rule && row->layer == layer && strcmp(row->text, text) == 0)
            return true;
    }
    return false;
}

void c2s_report(struct c2s_check_run *run, int layer, const char *fmt, ...)
{
    struct c2s_findings *out = run->out;
    struct c2s_finding found = {.rule = run->rule, .layer = layer, .block = -1};
    const struct c2s_chain *chain = run->first_chain ? run->first_chain : &run->chain;
    va_list args;
    va_start(args, fmt);
    vsnprintf(found.text, sizeof found.text, fmt, args);
    va_end(args);
    if (was_reported(run, layer, found.text))
        return;
    if (layer >= 0 && chain->block_of[layer] >= 0)
        found.block = chain->block_of[layer] + (run->options->input_is_integers ? 1 : 0);
    struct c2s_finding *grown = c2s_realloc(out->rows, sizeof *grown * (size_t)(out->n_rows + 1));
    if (!grown) {
        run->is_out_of_memory = true;
        return;
    }
    out->rows = grown;
    out->rows[out->n_rows++] = found;
    switch (run->rule->severity) {
    case C2S_ERROR:
        out->n_errors++;
        out->n_errors_at[run->rule->level]++;
        break;
    case C2S_WARNING:
        out->n_warnings++;
        break;
    case C2S_NOTE:
        out->n_notes++;
        break;
    }
}

bool c2s_is_input_convolution(const struct c2s_check_run *run, int block)
{
    return block == 0 && run->chain.n_blocks > 0 && !run->options->input_is_integers &&
           run->m->layers[run->chain.blocks[0].neural]->op == C2S_OP_CONV2D;
}

const struct c2s_layer *c2s_chain_layer(const struct c2s_check_run *run, int i)
{
    return i >= 0 && i < run->chain.n ? run->m->layers[run->chain.at[i]] : NULL;
}

bool c2s_output_dims(const struct c2s_layer *l, int64_t dims[3])
{
    if (l->rank != 1 && l->rank != 3)
        return false;
    for (int i = 0; i < 3; i++) {
        dims[i] = l->rank == 3 ? l->dims[i] : i == 2 ? l->dims[0] : 1;
        if (dims[i] < 1)
            return false;
    }
    return true;
}

bool c2s_input_dims(const struct c2s_check_run *run, int layer, int64_t dims[3])
{
    const struct c2s_layer *l = run->m->layers[layer];
    return l->n_inputs > 0 && c2s_output_dims(run->m->layers[l->inputs[0]], dims);
}

static int compare_findings(const void *a, const void *b)
{
    const struct c2s_finding *x = a, *y = b;
    if (x->rule->severity != y->rule->severity)
        return x->rule->severity > y->rule->severity ? -1 : 1;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    return strcmp(x->text, y->text);
}

static void run_rules(struct c2s_check_run *run, enum scope scope)
{
    const struct c2s_rule_info *infos = c2s_rules();
    for (int i = 0; infos[i].id; i++) {
        run->rule = &infos[i];
        if (infos[i].level <= run->options->level && rules[i].scope == scope)
            rules[i].function(run);
    }
}

static void mark(const struct c2s_chain *chain, bool *was_seen)
{
    for (int i = 0; i < chain->n; i++)
        was_seen[chain->at[i]] = true;
    for (int i = 0; i < chain->n_layers; i++)
        was_seen[i] |= chain->folded_into[i] >= 0;
}

/* Rules about order on paths through the layers that the first path leaves out. */
static bool run_other_paths(struct c2s_check_run *run, struct c2s_error *err)
{
    const struct c2s_model *m = run->m;
    bool ok = true, *was_seen = c2s_calloc((size_t)m->n_layers + 1, sizeof *was_seen);
    if (!was_seen)
        return c2s_fail_nomem(err);
    struct c2s_chain first = run->chain;
    mark(&first, was_seen);
    run->first_chain = &first;
    for (int i = 0; ok && i < m->n_layers; i++) {
        if (was_seen[i] || m->layers[i]->op == C2S_OP_INPUT || m->layers[i]->op == C2S_OP_DROPOUT)
            continue;
        ok = c2s_chain_init(&run->chain, m, i, err);
        if (ok) {
            mark(&run->chain, was_seen);
            run_rules(run, PATH);
            c2s_chain_finish(&run->chain);
        }
    }
    run->chain = first;
    run->first_chain = NULL;
    c2s_free(was_seen);
    return ok;
}

bool c2s_check(const struct c2s_model *m, const struct c2s_check_options *options,
               struct c2s_findings *out, struct c2s_error *err)
{
    struct c2s_check_run run = {
        .m = m, .options = options, .target = c2s_target_of(options->profile), .out = out};
    memset(out, 0, sizeof *out);
    if (!c2s_chain_init(&run.chain, m, -1, err))
        return false;
    run_rules(&run, LAYERS);
    run_rules(&run, PATH);
    bool ok = run_other_paths(&run, err);
    if (ok)
        run_rules(&run, NETWORK);
    c2s_chain_finish(&run.chain);
    c2s_akida_net_destroy(run.net);
    if (!ok || run.is_out_of_memory) {
        c2s_findings_finish(out);
        return c2s_fail_nomem(err);
    }
    if (out->n_rows > 1)
        qsort(out->rows, (size_t)out->n_rows, sizeof *out->rows, compare_findings);
    return true;
}

void c2s_findings_finish(struct c2s_findings *f)
{
    c2s_free(f->rows);
    memset(f, 0, sizeof *f);
}

const char *c2s_profile_name(enum c2s_profile p)
{
    return p == C2S_PROFILE_PREPRODUCTION ? "preproduction" : "production";
}
