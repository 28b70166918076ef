/* Layer name patterns: the C library's fnmatch on a comma-separated list. */
#include <c2s/model.h>

#include <fnmatch.h>
#include <string.h>

bool c2s_glob_match(const char *patterns, const char *name)
{
    while (*patterns) {
        size_t n = strcspn(patterns, ",");
        char one[256];
        if (n > 0 && n < sizeof one) {
            memcpy(one, patterns, n);
            one[n] = '\0';
            if (fnmatch(one, name, 0) == 0)
                return true;
        }
        patterns += n + (patterns[n] == ',');
    }
    return false;
}
