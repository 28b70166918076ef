/* The rule table as an array, and refusals in its words. The rows themselves are in rules.def. */
#include <c2s/rules.h>

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct c2s_rule_info infos[] = {
#define X(id, severity, level, scope, function, title, reason, remedy, source)                     \
    {#id, C2S_##severity, C2S_LEVEL_##level, title, reason, remedy, source},
#include "rules/rules.def"
#undef X
    {.id = NULL},
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

/* A sentence of the table as part of a longer one: small first letter, names excepted, no stop. */
static void make_part(const char *sentence, char *out, size_t size)
{
    snprintf(out, size, "%s", sentence);
    size_t n = strlen(out);
    if (n > 0 && out[n - 1] == '.')
        out[n - 1] = '\0';
    bool is_name = strncmp(out, "Akida", 5) == 0 || strncmp(out, "Keras", 5) == 0 ||
                   (n > 1 && isupper((unsigned char)out[1]));
    if (!is_name)
        out[0] = (char)tolower((unsigned char)out[0]);
}

bool c2s_fail_rule(struct c2s_error *err, enum c2s_code code, const char *rule, const char *fmt,
                   ...)
{
    const struct c2s_rule_info *info = c2s_rule_find(rule);
    char what[256], reason[256], remedy[256];
    assert(info);
    if (err->code != C2S_OK)
        return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    make_part(info->reason, reason, sizeof reason);
    make_part(info->remedy, remedy, sizeof remedy);
    snprintf(err->rule, sizeof err->rule, "%s", info->id);
    return c2s_fail(err, code, "%s: %s; %s: %s", info->id, what, reason, remedy);
}

const char *c2s_severity_name(enum c2s_severity s)
{
    static const char *const names[] = {"note", "warning", "error"};
    return (unsigned)s < 3 ? names[s] : "unknown";
}

const char *c2s_level_name(enum c2s_level l)
{
    static const char *const names[] = {"keras", "akida", "akd1000"};
    return (unsigned)l < 3 ? names[l] : "unknown";
}
