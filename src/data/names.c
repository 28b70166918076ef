/* How samples and labels are usually called. */
#include "data/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *samples, *labels;
} pairs[] = {
    {"x", "y"},
    {"images", "labels"},
    {"image", "label"},
    {"data", "labels"},
    {"data", "label"},
    {"data", "target"},
    {"data", "targets"},
    {"inputs", "labels"},
    {"inputs", "targets"},
    {"input", "label"},
    {"input", "target"},
    {"samples", "labels"},
    {"features", "labels"},
    {"features", "targets"},
    {"x", "labels"},
    {"x", "target"},
    {"imgs", "labels"},
};
enum { N_PAIRS = sizeof pairs / sizeof pairs[0] };

static int find_name(char *const *names, int n, const char *fmt, const char *word,
                     const char *split)
{
    char wanted[64];
    const char *at = strchr(fmt, '*'); /* "*_+": * is the word, + the split */
    if (at == fmt)
        snprintf(wanted, sizeof wanted, "%s%s%s", word, fmt[1] ? "_" : "", fmt[1] ? split : "");
    else
        snprintf(wanted, sizeof wanted, "%s_%s", split, word);
    for (int i = 0; i < n; i++)
        if (strcasecmp(names[i], wanted) == 0)
            return i;
    return -1;
}

bool data_names_pair(char *const *names, int n, const char *split, int *samples, int *labels)
{
    static const char *const forms[] = {"*_+", "+_*", "*"};
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
        for (int p = 0; p < N_PAIRS; p++) {
            *samples = find_name(names, n, forms[f], pairs[p].samples, split);
            if (labels)
                *labels = find_name(names, n, forms[f], pairs[p].labels, split);
            if (*samples >= 0 && (!labels || *labels >= 0))
                return true;
        }
    return false;
}

/* Where `word` stands in text as a word of its own, or NULL. */
static const char *find_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = text; (at = strcasestr(at, word)) != NULL; at++)
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[n]))
            return at;
    return NULL;
}

static bool replace_word(const char *text, const char *word, const char *by, char *out, size_t size)
{
    const char *at = find_word(text, word);
    if (!at)
        return false;
    bool is_upper = isupper((unsigned char)at[0]) && strlen(word) > 1;
    int n = snprintf(out, size, "%.*s%s%s", (int)(at - text), text, by, at + strlen(word));
    if (is_upper)
        out[at - text] = (char)toupper((unsigned char)out[at - text]);
    return n > 0 && (size_t)n < size;
}

bool data_names_beside(const char *file_name, bool (*try_name)(void *arg, const char *name),
                       void *arg)
{
    char name[256], other[256];
    for (int p = 0; p < N_PAIRS; p++) {
        if (!replace_word(file_name, pairs[p].samples, pairs[p].labels, name, sizeof name))
            continue;
        char *rank = strstr(name, "idx");
        if (rank && isdigit((unsigned char)rank[3]))
            rank[3] = '1';
        if (try_name(arg, name))
            return true;
        size_t n = strlen(name);
        bool is_gz = n > 3 && strcmp(name + n - 3, ".gz") == 0;
        snprintf(other, sizeof other, "%.*s%s", (int)(is_gz ? n - 3 : n), name, is_gz ? "" : ".gz");
        if (try_name(arg, other))
            return true;
    }
    return false;
}

const char *data_names_list(char *const *names, int n, char *out, size_t size)
{
    size_t used = 0;
    snprintf(out, size, "nothing");
    for (int i = 0; i < n; i++) {
        size_t room = strlen(names[i]) + sizeof ", and 1000000 more";
        if (used + room >= size) {
            snprintf(out + used, size - used, "%sand %d more", used ? " " : "", n - i);
            break;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", names[i]);
    }
    return out;
}

bool data_no_pair(struct c2s_error *err, const char *split, char *const *names, int n)
{
    char list[160];
    bool is_train = strcmp(split, "train") == 0;
    return c2s_fail(err, C2S_NOT_FOUND,
                    "no %s samples with labels here; wanted is a pair such as x_%s and y_%s, or x "
                    "and y; there is: %s%s",
                    split, split, split, data_names_list(names, n, list, sizeof list),
                    is_train ? "" : " (for the training half: --split train)");
}
