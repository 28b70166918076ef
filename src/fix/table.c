/* The table of fixes as arrays, and what is asked of it. The rows themselves are in fixes.def. */
#include "fix/table.h"

#include <stddef.h>
#include <string.h>

enum { EXACT, OPTIONAL, APPROXIMATE };

static const struct c2s_fix_info infos[] = {
#define X(id, kind, function, rules, title)                                                        \
    {#id, rules, (kind) != APPROXIMATE, (kind) == OPTIONAL, title},
#include "fix/fixes.def"
#undef X
    {.id = NULL},
};

static fix_function *const functions[] = {
#define X(id, kind, function, rules, title) function,
#include "fix/fixes.def"
#undef X
};

const struct c2s_fix_info *c2s_fixes(void)
{
    return infos;
}

fix_function *fix_function_at(int i)
{
    return functions[i];
}

bool fix_answers(const struct c2s_fix_info *fix, const struct c2s_rule_info *rule)
{
    size_t n = strlen(rule->id);
    for (const char *at = fix->rules; (at = strstr(at, rule->id)); at += n)
        if (at[n] == ',' || at[n] == '\0')
            return true;
    return false;
}

bool c2s_fix_answers(const struct c2s_rule_info *rule, bool *has_exact, bool *has_approximate)
{
    *has_exact = *has_approximate = false;
    for (const struct c2s_fix_info *fix = infos; fix->id; fix++)
        if (fix_answers(fix, rule))
            *(fix->is_exact ? has_exact : has_approximate) = true;
    return *has_exact || *has_approximate;
}
