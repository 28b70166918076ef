/* The models of tests/data/gallery, one after the other. */
#ifndef TESTS_GALLERY_H
#define TESTS_GALLERY_H

#include <c2s/model.h>

/* Calls act for each of the 38 models, with its file name without the ending. Fails the test when
 * one cannot be read. */
void gallery_each(void (*act)(const char *file, struct c2s_model *m));
/* As the recorded verdicts were made. */
bool gallery_takes_integers(const char *file);

#endif
