/* Edit distance, by three rows of the usual table. */
#include "suggest.h"

#include <string.h>

#define MAX_WORD 63

static int min3(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

int suggest_distance(const char *a, const char *b)
{
    int rows[3][MAX_WORD + 1];
    int n_a = (int)strnlen(a, MAX_WORD), n_b = (int)strnlen(b, MAX_WORD);
    for (int j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n_a; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int replace = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min3(above[j] + 1, row[j - 1] + 1, replace);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[n_a % 3][n_b];
}

void suggest_offer(struct suggestion *s, const char *typed, const char *candidate)
{
    int distance = suggest_distance(typed, candidate);
    size_t n_typed = strlen(typed), n = strlen(candidate);
    int allowed = (int)(n_typed < n ? n_typed : n) / 3;
    if (allowed == 0)
        allowed = 1;
    if (distance > allowed || (s->best && distance >= s->distance))
        return;
    s->best = candidate;
    s->distance = distance;
}
