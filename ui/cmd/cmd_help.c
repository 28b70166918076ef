/* help: made from the command table and the rule table, so that it cannot be out of date. */
#include "args.h"
#include "table.h"

#include <c2s/fix.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What no command lists among its arguments, because all take it. */
static const char json_line[] =
    "--json behind any command shows its result as JSON ('mode' chooses for all).";

static bool show_all(struct cmd_ctx *ctx, struct c2s_error *err)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_column(s, "group", "group", SHEET_LEFT);
    sheet_column(s, "command", "command", SHEET_LEFT);
    sheet_column(s, "summary", "what it does", SHEET_LEFT);
    for (int g = 0; cmd_groups[g]; g++) {
        for (int i = 0; cmd_table[i]; i++) {
            if (strcmp(cmd_table[i]->group, cmd_groups[g]) != 0)
                continue;
            sheet_row(s, SHEET_PLAIN);
            sheet_text(s, cmd_groups[g]);
            sheet_text(s, cmd_table[i]->name);
            sheet_text(s, cmd_table[i]->summary);
        }
    }
    sheet_after(s, SHEET_PLAIN, "Any unique beginning of a name will do. # begins a comment.");
    sheet_after(s, SHEET_PLAIN, "%s", json_line);
    sheet_next(s, "Next: help COMMAND, help rules, or help RULE such as E014");
    return cmd_show(ctx, s, err);
}

static void add_examples(struct sheet *s, const char *example)
{
    while (*example) {
        size_t n = strcspn(example, "\n");
        sheet_before(s, SHEET_PLAIN, "  %.*s", (int)n, example);
        example += n + (example[n] == '\n');
    }
}

static bool show_command(struct cmd_ctx *ctx, const struct cmd_entry *entry, struct c2s_error *err)
{
    char synopsis[400];
    struct sheet *s = sheet_create("%s: %s", entry->name, entry->summary);
    args_synopsis(entry, synopsis, sizeof synopsis);
    sheet_before(s, SHEET_PLAIN, "form: %s", synopsis);
    if (entry->alias)
        sheet_before(s, SHEET_PLAIN, "also: %s", entry->alias);
    if (entry->details)
        sheet_before(s, SHEET_PLAIN, "%s", entry->details);
    sheet_before(s, SHEET_PLAIN, "examples:");
    add_examples(s, entry->example);
    sheet_fact_text(s, "command", entry->name);
    sheet_fact_text(s, "synopsis", synopsis);
    sheet_fact_text(s, "summary", entry->summary);
    sheet_fact_text(s, "group", entry->group);
    sheet_fact_bool(s, "makes_version", (entry->flags & CMD_MAKES_VERSION) != 0);
    sheet_fact_text(s, "example", entry->example);
    sheet_fact_text(s, "alias", entry->alias ? entry->alias : "");
    sheet_fact_text(s, "details", entry->details ? entry->details : "");
    sheet_fact_text(s, "see", entry->see ? entry->see : "");
    sheet_rows_key(s, "arguments");
    sheet_column(s, "name", "argument", SHEET_LEFT);
    sheet_column(s, "help", "meaning", SHEET_LEFT);
    for (const struct cmd_arg *arg = entry->args; arg->name; arg++) {
        sheet_row(s, SHEET_PLAIN);
        sheet_textf(s, "%s%s%s", arg->name, arg->value ? " " : "", arg->value ? arg->value : "");
        sheet_text(s, arg->help);
    }
    sheet_after(s, SHEET_DIM, "%s", json_line);
    if (entry->see)
        sheet_next(s, "See also: %s", entry->see);
    return cmd_show(ctx, s, err);
}

/* What fix does about the rule; for people and for machines. */
static void add_fixes(struct sheet *s, const struct c2s_rule_info *rule)
{
    sheet_fact_item(s, "fixes", NULL);
    for (const struct c2s_fix_info *fix = c2s_fixes(); fix->id; fix++) {
        if (!strstr(fix->rules, rule->id))
            continue;
        sheet_before(s, SHEET_PLAIN, "fix %s%s: %s", rule->id,
                     fix->is_exact ? "" : " --approximate", fix->title);
        sheet_fact_item(s, "fixes", fix->title);
    }
}

static bool show_rule(struct cmd_ctx *ctx, const struct c2s_rule_info *rule, struct c2s_error *err)
{
    struct sheet *s = sheet_create("%s: %s", rule->id, rule->title);
    sheet_before(s, SHEET_PLAIN, "%s at level %s", c2s_severity_name(rule->severity),
                 c2s_level_name(rule->level));
    sheet_before(s, SHEET_PLAIN, "why: %s", rule->reason);
    sheet_before(s, SHEET_PLAIN, "what to do: %s", rule->remedy);
    sheet_before(s, SHEET_DIM, "source: %s", rule->source);
    sheet_next(s, "Next: check");
    add_fixes(s, rule);
    sheet_fact_text(s, "rule", rule->id);
    sheet_fact_text(s, "severity", c2s_severity_name(rule->severity));
    sheet_fact_text(s, "level", c2s_level_name(rule->level));
    sheet_fact_text(s, "title", rule->title);
    sheet_fact_text(s, "reason", rule->reason);
    sheet_fact_text(s, "remedy", rule->remedy);
    sheet_fact_text(s, "source", rule->source);
    return cmd_show(ctx, s, err);
}

/* Every rule in one line; for machines, in full. */
static bool show_rules(struct cmd_ctx *ctx, struct c2s_error *err)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_column(s, "rule", "rule", SHEET_LEFT);
    sheet_column(s, "severity", "severity", SHEET_LEFT);
    sheet_column(s, "level", "level", SHEET_LEFT);
    sheet_column(s, "title", "what", SHEET_LEFT);
    sheet_column(s, "reason", NULL, SHEET_LEFT);
    sheet_column(s, "remedy", NULL, SHEET_LEFT);
    sheet_column(s, "source", NULL, SHEET_LEFT);
    sheet_column(s, "fix", NULL, SHEET_LEFT);
    for (const struct c2s_rule_info *rule = c2s_rules(); rule->id; rule++) {
        sheet_row(s, SHEET_PLAIN);
        sheet_text(s, rule->id);
        sheet_text(s, c2s_severity_name(rule->severity));
        sheet_text(s, c2s_level_name(rule->level));
        sheet_text(s, rule->title);
        sheet_text(s, rule->reason);
        sheet_text(s, rule->remedy);
        sheet_text(s, rule->source);
        bool has_exact, has_approximate;
        c2s_fix_answers(rule, &has_exact, &has_approximate);
        sheet_text(s, has_exact ? "exact" : has_approximate ? "approximate" : NULL);
    }
    sheet_next(s, "Next: help E014 says more of one; man 7 c2s-rules of all; check applies them");
    return cmd_show(ctx, s, err);
}

/* "E014": a letter and digits, as no command is called. */
static bool looks_like_rule(const char *topic)
{
    return isalpha((unsigned char)topic[0]) && isdigit((unsigned char)topic[1]);
}

static bool explain_rule(struct cmd_ctx *ctx, const char *id, struct c2s_error *err)
{
    const struct c2s_rule_info *rule = c2s_rule_find(id);
    return rule ? show_rule(ctx, rule, err)
                : c2s_fail(err, C2S_USAGE, "there is no rule %s; 'help rules' lists all", id);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const char *topic = cmd_text(a, "TOPIC"), *id = cmd_text(a, "RULE");
    if (!topic)
        return show_all(ctx, err);
    if (strcmp(topic, "rule") == 0 || strcmp(topic, "rules") == 0)
        return id ? explain_rule(ctx, id, err) : show_rules(ctx, err);
    if (id)
        return c2s_fail(err, C2S_USAGE, "help takes one topic; leave out \"%s\"", id);
    if (looks_like_rule(topic))
        return explain_rule(ctx, topic, err);
    const struct cmd_entry *entry = cmd_find(topic, err);
    return entry && show_command(ctx, entry, err);
}

const struct cmd_entry entry_help = {
    .name = "help",
    .alias = "?",
    .group = "shell",
    .summary = "list the commands, explain one, or explain a rule of check",
    .example = "help\nhelp quantize\nhelp E014\nhelp rules",
    .args =
        (const struct cmd_arg[]){
            {.name = "TOPIC",
             .type = ARG_COMMAND,
             .help = "a command, a rule id that check printed, or "
                     "rules: all of them"},
            {.name = "RULE", .type = ARG_COMMAND, .help = "after the word rule: its id"},
            {0}},
    .flags = CMD_NEEDS_NO_SESSION,
    .run = run,
};
