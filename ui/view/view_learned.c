/* How many of the samples that versions are measured on a step learned from: said when too many. */
#include "view.h"

#include <math.h>

static void warn(struct sheet *s, int64_t n, int64_t n_in_use, const char *how)
{
    char shared[32], count[48];
    sheet_after(s, SHEET_WARNING, "%s of the %s in use %s among those %s",
                sheet_group_digits(n, shared, sizeof shared),
                view_count(n_in_use, "sample", count, sizeof count), n == 1 ? "is" : "are", how);
}

static void add_facts(struct sheet *s, const struct c2s_learned_samples *l)
{
    if (l->n_in_use == 0) {
        static const char *const keys[] = {"is_measured_data", "is_measured_validation",
                                           "samples_in_use", "samples_in_use_learned",
                                           "samples_in_use_validated"};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            sheet_fact_real(s, keys[i], NAN);
        return;
    }
    sheet_fact_bool(s, "is_measured_data", l->is_measured);
    sheet_fact_bool(s, "is_measured_validation", l->is_validated);
    sheet_fact_integer(s, "samples_in_use", l->n_in_use);
    sheet_fact_integer(s, "samples_in_use_learned", l->n_learned);
    sheet_fact_integer(s, "samples_in_use_validated", l->n_validation);
}

void view_learned(struct sheet *s, const struct c2s_learned_samples *l, const char *how)
{
    if (l->is_measured && how)
        warn(s, l->n_learned, l->n_in_use, how);
    if (l->is_validated)
        warn(s, l->n_validation, l->n_in_use,
             "its best epoch was chosen by: accuracies on them may flatter it");
    add_facts(s, l);
}
