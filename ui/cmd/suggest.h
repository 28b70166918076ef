/* "Did you mean": the nearest name to a mistyped one. */
#ifndef UI_SUGGEST_H
#define UI_SUGGEST_H

/* Edits between two words: insert, delete, replace, swap of neighbours (Damerau 1964, restricted).
 * Words longer than 63 bytes are cut. */
int suggest_distance(const char *a, const char *b);

/* Keeps the nearest of the candidates offered so far; begin with best NULL. Too different words
 * (more edits than a third of the shorter one's letters, at least 1) are never kept. */
struct suggestion {
    const char *best; /* borrowed from the caller, or NULL */
    int distance;
};
void suggest_offer(struct suggestion *s, const char *typed, const char *candidate);

#endif
