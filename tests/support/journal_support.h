/* Versions and measures for tests of the journal port. */
#ifndef TESTS_JOURNAL_SUPPORT_H
#define TESTS_JOURNAL_SUPPORT_H

#include <c2s/journal.h>

/* All fail the test instead of returning an error. */

/* New model: input [size], Dense [size, 3] without bias, its weights drawn from seed. */
struct c2s_model *small_model(int size, unsigned seed);
/* Appends a version of that model and returns its id. model is taken. */
int64_t append_version(struct c2s_journal *j, int64_t parent, const char *step,
                       struct c2s_model *model);
/* New version. */
struct c2s_version *fetch_version(struct c2s_journal *j, int64_t id);
int64_t head_of(struct c2s_journal *j);
int count_versions(struct c2s_journal *j);
/* A measure of that version with `correct` of 4 samples right. */
struct c2s_measure measure_of(int64_t version, int64_t correct);
/* Fails unless both models have the same layers with the same parameters. */
void assert_same_model(const struct c2s_model *a, const struct c2s_model *b);
/* First value of the first row of a query as an integer. */
int64_t query_integer(struct c2s_journal *j, const char *sql);

#endif
