/* Random sequences of commands: the script of their history, run in an empty workspace, gives the
 * same models, tags and place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "text/sink_text.h"

#include "base/rng.h"

#include "store.h"
#include "support.h"

#define N_HISTORIES 20
#define N_COMMANDS  25
#define MAX_TEXT    20000

struct bench {
    struct c2s_journal *journal;
    struct text_sink sink;
    struct cmd_ctx ctx;
    FILE *out;
};

static void start(struct bench *b, const char *workspace)
{
    struct c2s_error err = {0};
    *b = (struct bench){.out = fopen("/dev/null", "w")};
    assert_non_null(b->out);
    text_sink_init(&b->sink, b->out, b->out);
    b->ctx.sink = &b->sink.sink;
    assert_ok(c2s_store_open(workspace, &b->journal, &err), &err);
    assert_ok(c2s_session_create(b->journal, NULL, &b->ctx.session, &err), &err);
}

static void finish(struct bench *b)
{
    c2s_session_destroy(b->ctx.session);
    b->journal->ops->close(b->journal);
    fclose(b->out);
}

/* Names that have to be quoted, each in its own way. */
static const char *const files[] = {"a.h5", "it's.h5", "two words.h5", "\"$(x)\\.h5",
                                    "-#new\nline.h5"};

static void make_files(void)
{
    static const char *const from[] = {"mlp.h5", "valid_net.h5", "ds_cnn.h5", "mlp.h5", "mlp.h5"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(symlink(data_path("%s", from[i]), files[i]), 0);
}

static int below(struct c2s_rng *rng, int n)
{
    return (int)c2s_rng_below(rng, (uint64_t)n);
}

/* Many of them fail, as a person's do; that must change nothing. */
static void random_command(struct c2s_rng *rng, struct bench *b)
{
    static const char *const options[] = {"", " --rule 1.8", " --no-fold", " --layers 'conv*,fc1'",
                                          " --layers \"*_1\""};
    static const char *const whats[] = {"weights", "activations", "all"};
    char line[200];
    struct c2s_error err = {0};
    int id = 1 + below(rng, 8);
    static const char *const fixes[] = {
        "--all", "E014", "d4", "'d*' --level akida", "--all --approximate", "E014 --layers 'd?'"};
    switch (below(rng, 10)) {
    case 0:
        (void)!c2s_session_load(b->ctx.session, files[below(rng, 5)], NULL, NULL, NULL, &err);
        return;
    case 1:
        snprintf(line, sizeof line, "checkout v%d", id);
        break;
    case 2:
        snprintf(line, sizeof line, "rm v%d%s", id, below(rng, 2) ? " --recursive" : "");
        break;
    case 3:
        snprintf(line, sizeof line, "tag name%d v%d", below(rng, 4), id);
        break;
    case 4:
        snprintf(line, sizeof line, "undo");
        break;
    case 5:
        snprintf(line, sizeof line, "calibrate equalize");
        break;
    case 6:
        snprintf(line, sizeof line, "fix %s", fixes[below(rng, 6)]);
        break;
    default:
        snprintf(line, sizeof line, "quantize %s %d%s", whats[below(rng, 3)], 1 + below(rng, 8),
                 options[below(rng, 5)]);
    }
    (void)!cmd_run_line(&b->ctx, line, &err);
}

static bool keep_line(void *arg, const char *text)
{
    char *all = arg;
    size_t used = strlen(all);
    assert_true(used + strlen(text) + 2 < MAX_TEXT);
    sprintf(all + used, "%s\n", text);
    return true;
}

static bool keep_version(void *arg, const struct c2s_version_info *info)
{
    return keep_line(arg, info->model_hash);
}

static bool keep_tag(void *arg, const char *tag, int64_t version)
{
    char name[100];
    snprintf(name, sizeof name, "%s", tag);
    (void)version;
    return keep_line(arg, name);
}

/* All that a replay promises to bring back: models in their order, tags, where one stands. */
static void describe(struct bench *b, char *out)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = b->journal;
    const struct c2s_version *v = c2s_session_current(b->ctx.session);
    char tags[1000] = "";
    *out = '\0';
    assert_ok(j->ops->each(j, keep_version, out, &err), &err);
    assert_ok(j->ops->each_tag(j, keep_tag, tags, &err), &err);
    for (char *tag = strtok(tags, "\n"); tag; tag = strtok(NULL, "\n")) {
        const struct c2s_version *tagged;
        assert_ok(c2s_session_version(b->ctx.session, tag, &tagged, &err), &err);
        keep_line(out, tag);
        keep_line(out, tagged->info.model_hash);
    }
    keep_line(out, v ? v->info.model_hash : "nothing");
}

static void a_random_history_replays(void **state)
{
    (void)state;
    static char script[MAX_TEXT], first[MAX_TEXT], second[MAX_TEXT];
    int n_versions = 0;
    for (uint64_t seed = 1; seed <= N_HISTORIES; seed++) {
        struct bench made, replayed;
        struct c2s_rng rng;
        struct c2s_error err = {0};
        c2s_rng_seed(&rng, seed);
        /* The script names the workspace in a comment, which its name must not end. */
        start(&made, seed == 1 ? "w\nno command.c2s" : ":memory:");
        for (int i = 0; i < N_COMMANDS; i++)
            random_command(&rng, &made);
        script[0] = '\0';
        assert_ok(c2s_session_script(made.ctx.session, NULL, keep_line, script, &err), &err);
        FILE *file = fopen("steps.c2s", "w");
        assert_non_null(file);
        fputs(script, file);
        assert_int_equal(fclose(file), 0);
        start(&replayed, ":memory:");
        if (!cmd_run_file(&replayed.ctx, "steps.c2s", &err))
            fail_msg("seed %d: %s: %s\n%s", (int)seed, err.where, err.text, script);
        describe(&made, first);
        describe(&replayed, second);
        if (strcmp(first, second) != 0)
            fail_msg("seed %d: another history\n%s\n%s\n%s", (int)seed, first, second, script);
        for (const char *c = first; *c; c++)
            n_versions += *c == '\n';
        finish(&made);
        finish(&replayed);
    }
    assert_true(n_versions > 3 * N_HISTORIES); /* the commands are not all in vain */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_random_history_replays)};
    char *folder = make_temp_dir(), *before = getcwd(NULL, 0);
    if (!before || chdir(folder) != 0)
        return 1;
    make_files();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (chdir(before) != 0)
        return 1;
    free(before);
    remove_temp_dir(folder);
    return failed;
}
