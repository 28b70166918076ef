/* Small images that can be learned, and small models to learn them. */
#ifndef TESTS_TRAINING_H
#define TESTS_TRAINING_H

#include <c2s/train.h>

enum { TINY_SIZE = 6, TINY_CLASSES = 3 };

/* A folder of IDX files, train and test, of n images [TINY_SIZE, TINY_SIZE] each: class k has its
 * k-th pair of rows bright, in noise. New (remove_temp_dir). */
char *tiny_folder(int n);
/* The train part, input = pixel / 255. */
struct c2s_dataset *tiny_data(const char *folder);
/* Conv2D 3x3 of 4 filters, BatchNormalization, ReLU, Flatten, Dropout, Dense, Softmax; weights by
 * seed. */
struct c2s_model *tiny_model(unsigned seed);
/* Three epochs of batches of 16 on engine ref. */
struct c2s_train_options tiny_options(void);

#endif
