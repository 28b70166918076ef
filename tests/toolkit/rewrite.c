/* Writes every model of the test data again, in every dialect that can hold it, for roundtrip.py to
 * load in the real toolkits. Use: rewrite DATA OUT; prints a line for what was refused. */
#include <c2s/keras.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const dialects[] = {"keras", "18", "22"};

static void rewrite(const char *data, const char *out, const char *name)
{
    char from[1024], to[1024], flat[256];
    struct c2s_error err = {0};
    struct c2s_model *m;
    snprintf(from, sizeof from, "%s/%s", data, name);
    if (!c2s_keras_read(from, NULL, &m, &err))
        return; /* not a model: weights alone, reference numbers */
    snprintf(flat, sizeof flat, "%.200s", name);
    for (char *p = flat; *p; p++)
        *p = *p == '/' ? '+' : *p;
    for (int d = 0; d < 3; d++) {
        struct c2s_keras_write_options options = {(enum c2s_dialect)d, true};
        if ((d == C2S_DIALECT_KERAS) != (m->dialect == C2S_DIALECT_KERAS))
            continue; /* a float model is the same in every dialect */
        err = (struct c2s_error){0};
        snprintf(to, sizeof to, "%s/%s", out, dialects[d]);
        mkdir(to, 0777);
        snprintf(to, sizeof to, "%s/%s/%s", out, dialects[d], flat);
        if (!c2s_keras_write(m, to, &options, &err))
            printf("refused %s %s: %s\n", dialects[d], name, err.text);
    }
    c2s_model_destroy(m);
}

static void rewrite_folder(const char *data, const char *folder, const char *out)
{
    char path[1024], name[512];
    snprintf(path, sizeof path, "%s/%s", data, folder);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n < 3 || strcmp(entry->d_name + n - 3, ".h5") != 0)
            continue;
        snprintf(name, sizeof name, "%s%s", folder, entry->d_name);
        rewrite(data, out, name);
    }
    if (dir)
        closedir(dir);
}

int main(int argc, char **argv)
{
    static const char *const folders[] = {"", "corpus/", "gallery/", "expected/"};
    if (argc != 3) {
        fprintf(stderr, "use: rewrite DATA OUT\n");
        return 2;
    }
    for (int i = 0; i < 4; i++)
        rewrite_folder(argv[1], folders[i], argv[2]);
    return 0;
}
