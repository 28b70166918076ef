/* Which arrays of a file or folder are the samples and which the labels. */
#ifndef C2S_DATA_SOURCE_H
#define C2S_DATA_SOURCE_H

#include <c2s/dataset.h>

#include "data/array.h"

struct data_source {
    struct data_array samples, labels;
    const char *format; /* "idx", "npz", "npy", "hdf5" */
};

/* Opens both. *out needs data_source_finish in any case. */
bool data_source_open(const char *path, const struct c2s_dataset_options *options,
                      struct data_source *out, struct c2s_error *err) C2S_MUST_CHECK;
void data_source_finish(struct data_source *s);

/* Labels as class numbers: integers [n] or [n,1] (floats that are whole count as integers), or
 * one-hot [n,classes]. out: [n]. n_classes: largest label + 1, or the one-hot width. Fails: SHAPE,
 * RANGE with the sample's number. */
bool data_labels_read(const struct data_array *labels, int32_t *out, int *n_classes,
                      struct c2s_error *err) C2S_MUST_CHECK;

/* names.c: how samples and labels are called in NumPy archives, HDF5 files and folders. */

/* Finds a pair among n names: first x_test, test_images, ... of the split, then plain x, images,
 * data, ... Names compare without case. labels NULL: samples alone will do. False when
 * there is none. */
bool data_names_pair(char *const *names, int n, const char *split, int *samples, int *labels);
/* The labels' file name for a samples' file name: "t10k-images.idx3-ubyte" ->
 * "t10k-labels.idx1-ubyte", "x_val.npy" -> "y_val.npy". Calls try_name for each candidate until it
 * returns true. */
bool data_names_beside(const char *file_name, bool (*try_name)(void *arg, const char *name),
                       void *arg);
/* "a, b, c and 3 more" into out; returns out. */
const char *data_names_list(char *const *names, int n, char *out, size_t size);

/* folder.c, npz.c, hdf5.c: the parts of data_source_open. */
bool data_folder_open(const char *path, const char *split, struct data_source *out,
                      struct c2s_error *err) C2S_MUST_CHECK;
bool data_beside_open(const char *path, struct data_array *labels,
                      struct c2s_error *err) C2S_MUST_CHECK;
bool data_file_array(const char *path, struct data_array *a, const char **format,
                     struct c2s_error *err) C2S_MUST_CHECK;
bool data_npz_open(const struct data_file *file, const char *split, bool wants_labels,
                   struct data_source *out, struct c2s_error *err) C2S_MUST_CHECK;
bool data_hdf5_open(const char *path, const char *split, bool wants_labels, struct data_source *out,
                    struct c2s_error *err) C2S_MUST_CHECK;
/* The failure that lists what is there. Always false. */
bool data_no_pair(struct c2s_error *err, const char *split, char *const *names, int n);

#endif
