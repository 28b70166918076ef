/* How two versions differ, layer by layer. */
#include "view.h"

#include <stdio.h>
#include <string.h>

static const char *bits_text(int bits, char *out, size_t size)
{
    if (bits <= 0)
        return "f";
    snprintf(out, size, "%d", bits);
    return out;
}

/* "QuantizedReLU max 6"; "" = no quantized activation. */
static const char *relu_kind(const struct c2s_layer *l, char *out, size_t size)
{
    const struct c2s_quantized_relu_attr *relu = &l->attr.quantized_relu;
    out[0] = '\0';
    if (!c2s_layer_is_quantized_activation(l))
        return out;
    if (relu->kind == C2S_RELU_RANGED)
        snprintf(out, size, "QuantizedReLU max %g", (double)relu->max_value);
    else
        snprintf(out, size, "%s",
                 relu->kind == C2S_RELU_TRAINED ? "QuantizedReLU trained" : "DiscreteRelu");
    return out;
}

/* What differs besides bits in how two layers quantize; "" = nothing. */
static void describe_rule(const struct c2s_layer_difference *d, char *out, size_t size)
{
    char a[80], b[80];
    const struct c2s_quantizer_spec *x = &d->first->quantizer, *y = &d->second->quantizer;
    out[0] = '\0';
    relu_kind(d->first, a, sizeof a);
    relu_kind(d->second, b, sizeof b);
    if (a[0] && b[0] && strcmp(a, b) != 0)
        snprintf(out, size, "%s -> %s", a, b);
    else if (d->first_weight_bits > 0 && d->second_weight_bits > 0 &&
             x->is_limited != y->is_limited)
        snprintf(out, size, "scale %s", x->is_limited ? "up to 1000 -> any" : "any -> up to 1000");
}

/* What differs, in a few words; "" = nothing. */
static void describe_difference(const struct c2s_layer_difference *d, char *out, size_t size)
{
    char a[12], b[12], rule[100], form[120];
    size_t used = 0;
    out[0] = '\0';
    if (!d->first || !d->second) {
        snprintf(out, size, "%s", d->first ? "gone" : "new");
        return;
    }
    if (d->first_weight_bits != d->second_weight_bits)
        used += (size_t)snprintf(out + used, size - used, "weights %s -> %s  ",
                                 bits_text(d->first_weight_bits, a, sizeof a),
                                 bits_text(d->second_weight_bits, b, sizeof b));
    if (d->first_activation_bits != d->second_activation_bits)
        used += (size_t)snprintf(out + used, size - used, "activations %s -> %s  ",
                                 bits_text(d->first_activation_bits, a, sizeof a),
                                 bits_text(d->second_activation_bits, b, sizeof b));
    describe_rule(d, rule, sizeof rule);
    if (rule[0])
        used += (size_t)snprintf(out + used, size - used, "%s  ", rule);
    if (used == 0 && d->first->op != d->second->op)
        used += (size_t)snprintf(out + used, size - used, "%s -> %s  ", d->first->class_name,
                                 d->second->class_name);
    if (view_form_change(d->first, d->second, form, sizeof form)[0] && used < size)
        used += (size_t)snprintf(out + used, size - used, "%s  ", form);
    if (d->is_moved && used < size)
        used += (size_t)snprintf(out + used, size - used, "moved here  ");
    used = used < size ? used : strlen(out);
    if (used == 0 && d->weights_differ)
        used += (size_t)snprintf(out, size, "weights changed");
    while (used > 0 && out[used - 1] == ' ')
        out[--used] = '\0';
}

static void add_difference(struct sheet *s, const struct c2s_layer_difference *d, const char *what)
{
    sheet_row(s, what[0] ? SHEET_CHANGED : SHEET_DIM);
    sheet_text(s, !d->first ? "+" : !d->second ? "-" : what[0] ? "~" : "");
    sheet_text(s, d->name);
    sheet_text(s, what[0] ? what : "same");
    sheet_integer(s, d->first_weight_bits);
    sheet_integer(s, d->second_weight_bits);
    sheet_integer(s, d->first_activation_bits);
    sheet_integer(s, d->second_activation_bits);
    sheet_bool(s, d->weights_differ);
    sheet_real(s, d->sqnr_db, 1);
    sheet_real(s, d->largest_change, 5);
}

/* The rule of quantization, when it differs. */
static void add_dialects(struct sheet *s, const struct c2s_model *first,
                         const struct c2s_model *second)
{
    const char *a = view_dialect(first->dialect), *b = view_dialect(second->dialect);
    sheet_fact_text(s, "first_dialect", a);
    sheet_fact_text(s, "second_dialect", b);
    if (first->dialect != second->dialect && first->dialect != C2S_DIALECT_KERAS &&
        second->dialect != C2S_DIALECT_KERAS)
        sheet_before(s, SHEET_CHANGED, "rule %s -> %s", a, b);
}

struct sheet *view_difference(const struct c2s_version *a, const struct c2s_version *b,
                              const struct c2s_layer_difference *rows, int n_rows, bool all)
{
    int n_same = 0;
    bool was_folded = false;
    char first[24], second[24], count[48];
    view_version_name(a->info.id, first, sizeof first);
    view_version_name(b->info.id, second, sizeof second);
    struct sheet *s = sheet_create("%s against %s", second, first);
    add_dialects(s, a->model, b->model);
    sheet_column(s, "mark", "", SHEET_LEFT);
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, "change", "change", SHEET_LEFT);
    sheet_wraps(s);
    sheet_column(s, "first_weight_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "second_weight_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "first_activation_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "second_activation_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "weights_differ", NULL, SHEET_LEFT);
    sheet_column(s, "sqnr_db", "SQNR dB", SHEET_RIGHT);
    sheet_column(s, "largest_change", "max change", SHEET_RIGHT);
    sheet_minor(s, 1);
    for (int i = 0; i < n_rows; i++) {
        char what[160];
        describe_difference(&rows[i], what, sizeof what);
        n_same += what[0] == '\0';
        was_folded |= rows[i].first && !rows[i].second && rows[i].first->op == C2S_OP_BATCH_NORM;
        if (what[0] || all)
            add_difference(s, &rows[i], what);
    }
    if (n_same == n_rows)
        sheet_after(s, SHEET_PLAIN, "no layer differs");
    else if (n_same > 0 && !all)
        sheet_after(s, SHEET_DIM, "%s %s the same; --all shows %s too",
                    view_count(n_same, "layer", count, sizeof count), n_same == 1 ? "is" : "are",
                    n_same == 1 ? "it" : "them");
    if (was_folded)
        sheet_after(s, SHEET_DIM,
                    "a folded batch normalization scales the weights in front of it: "
                    "SQNR and max change mean little there");
    sheet_next(s, "Next: hist LAYER --version %s, compare %s %s", second, first, second);
    return s;
}
