/* The rule table as arrays, and what is asked of it. The rows themselves are in rules.def. */
#include <strings.h>

#include "check/rule.h"

static const struct c2s_rule_info infos[] = {
#define X(id, severity, level, function, title, reason, remedy, source)                            \
    {#id, C2S_##severity, C2S_LEVEL_##level, title, reason, remedy, source},
#include "check/rules.def"
#undef X
    {.id = NULL},
};

static c2s_rule_function *const functions[] = {
#define X(id, severity, level, function, title, reason, remedy, source) c2s_##function,
#include "check/rules.def"
#undef X
};

const struct c2s_rule_info *c2s_rules(void)
{
    return infos;
}

const struct c2s_rule_info *c2s_rule_find(const char *id)
{
    for (const struct c2s_rule_info *r = infos; r->id; r++)
        if (id && strcasecmp(r->id, id) == 0)
            return r;
    return NULL;
}

c2s_rule_function *c2s_rule_at(int i)
{
    return functions[i];
}

const char *c2s_severity_name(enum c2s_severity s)
{
    static const char *const names[] = {"note", "warning", "error"};
    return (unsigned)s < 3 ? names[s] : "unknown";
}

const char *c2s_profile_name(enum c2s_profile p)
{
    return p == C2S_PROFILE_PREPRODUCTION ? "preproduction" : "production";
}

const char *c2s_level_name(enum c2s_level l)
{
    static const char *const names[] = {"keras", "akida", "akd1000"};
    return (unsigned)l < 3 ? names[l] : "unknown";
}
