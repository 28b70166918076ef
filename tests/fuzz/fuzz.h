/* What the fuzz targets share. Each target is one file, fuzz_NAME.c, with LLVMFuzzerTestOneInput:
 * the fuzzer calls it with inputs it makes up (scripts/fuzz), the test suite with the seeds and
 * every input that once did harm (run_files.c). A target aborts when the core breaks a promise. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <c2s/model.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Path of a file in $TMPDIR with these bytes; borrowed, the next call writes it anew. */
const char *fuzz_file(const uint8_t *data, size_t size);
/* The bytes with a NUL behind them; free(). */
char *fuzz_text(const uint8_t *data, size_t size);

/* From here to fuzz_end the process may hold 2 * size + 64 MiB more than now; it aborts beyond
 * that. Only AddressSanitizer's builds count. */
void fuzz_begin(size_t size);
void fuzz_end(void);

/* Aborts, saying why. */
_Noreturn void fuzz_abort(const char *why);
/* Aborts unless ok, or else err tells a code and a sentence. */
void fuzz_answer(bool ok, const struct c2s_error *err);

/* A file of one array: IDX or NumPy's, packed or not; its numbers are read in every form. */
void fuzz_array(const uint8_t *data, size_t size);
/* A file of samples and labels: its samples are read in both forms. */
void fuzz_dataset(const uint8_t *data, size_t size);
/* Any file of a model is loaded. */
void fuzz_load(const uint8_t *data, size_t size);
/* A model that was read must survive what the shell does with any: check, its description and back.
 */
void fuzz_model(const struct c2s_model *m);

#endif
