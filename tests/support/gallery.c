/* The models of tests/data/gallery, one after the other. */
#include "support.h"
#include "gallery.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include <c2s/keras.h>

void gallery_each(void (*act)(const char *file, struct c2s_model *m))
{
    DIR *folder = opendir(data_path("gallery"));
    assert_non_null(folder);
    int n_files = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char file[256];
        snprintf(file, sizeof file, "%s", entry->d_name);
        char *end = strstr(file, ".h5");
        if (!end)
            continue;
        struct c2s_model *m;
        struct c2s_error err = {0};
        assert_ok(c2s_keras_read(data_path("gallery/%s", file), NULL, &m, &err), &err);
        *end = '\0';
        act(file, m);
        c2s_model_destroy(m);
        n_files++;
    }
    closedir(folder);
    assert_int_equal(n_files, 38);
}

bool gallery_takes_integers(const char *file)
{
    return strcmp(file, "dense_first") == 0 || strcmp(file, "sep_first") == 0;
}
