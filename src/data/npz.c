/* NumPy's .npz: a zip archive of .npy members. */
#include "data/source.h"

#include <string.h>

#include "base/alloc.h"
#include "data/zip.h"

/* Keys are member names without ".npy"; owned array of owned strings. */
static char **copy_keys(const struct data_zip *z)
{
    char **keys = c2s_calloc((size_t)z->n, sizeof *keys);
    for (int i = 0; keys && i < z->n; i++) {
        keys[i] = c2s_strdup(z->members[i].name);
        size_t n = keys[i] ? strlen(keys[i]) : 0;
        if (n > 4 && strcmp(keys[i] + n - 4, ".npy") == 0)
            keys[i][n - 4] = '\0';
    }
    return keys;
}

static bool all_there(char **keys, int n)
{
    for (int i = 0; keys && i < n; i++)
        if (!keys[i])
            return false;
    return keys != NULL;
}

bool data_npz_open(const struct data_file *file, const char *split, bool wants_labels,
                   struct data_source *out, struct c2s_error *err)
{
    struct data_zip z;
    int x = -1, y = -1;
    if (!data_zip_open(file, &z, err))
        return false;
    out->format = "npz";
    char **keys = copy_keys(&z);
    bool ok = all_there(keys, z.n) ? true : c2s_fail_nomem(err);
    if (ok && !data_names_pair(keys, z.n, split, &x, wants_labels ? &y : NULL))
        ok = data_no_pair(err, split, keys, z.n);
    ok = ok && data_zip_array(&z, x, &out->samples, err) &&
         (!wants_labels || data_zip_array(&z, y, &out->labels, err));
    for (int i = 0; keys && i < z.n; i++)
        c2s_free(keys[i]);
    c2s_free(keys);
    data_zip_finish(&z);
    return ok;
}
