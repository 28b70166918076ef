/* Understands the command line: options, then a model or workspace, then a command. */
#include "options.h"

#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char options_help[] =
    "usage: c2s-shell [OPTIONS] [MODEL.h5 | WORKSPACE] [COMMAND ...]\n"
    "\n"
    "Takes a Keras model to the Akida 1.0 chip: check, quantize, compare, export.\n"
    "\n"
    "  c2s-shell model.h5                  a prompt; 'help' lists the commands\n"
    "  c2s-shell model.h5 check --json     one command\n"
    "  c2s-shell -x steps.c2s              a script\n"
    "\n"
    "  -w, --workspace FILE  where versions are kept (default ./workspace.c2s;\n"
    "                        :memory: keeps nothing)\n"
    "  -x, --execute FILE    run a script, - is standard input; may be repeated\n"
    "  -c, --command TEXT    run one command line; may be repeated, mixed with -x\n"
    "  -i, --interactive     then go on at the prompt\n"
    "      --tui             full screen\n"
    "      --echo            scripts show each line before it runs\n"
    "      --json            same as --mode json\n"
    "      --mode MODE       table, json, csv or md\n"
    "      --color WHEN      auto, always or never\n"
    "      --no-progress     no progress bar\n"
    "  -q, --quiet           results only\n"
    "  -h, --help            this text\n"
    "  -V, --version         version\n"
    "\n"
    "Exit codes: 0 ok, 1 command failed, 2 wrong use, 3 script stopped, 4 required\n"
    "condition not met (check, --min-accuracy), 5 file unreadable or no Keras model,\n"
    "130 Ctrl-C, 141 output closed.\n";

const char options_version[] = "c2s-shell " C2S_VERSION "\n";
const char options_version_json[] =
    "{\"program\": \"c2s-shell\", \"version\": \"" C2S_VERSION "\"}\n";

enum { OPTION_TUI = 256, OPTION_ECHO, OPTION_JSON, OPTION_MODE, OPTION_COLOR, OPTION_NO_PROGRESS };

static const struct option long_options[] = {{"workspace", required_argument, NULL, 'w'},
                                             {"execute", required_argument, NULL, 'x'},
                                             {"command", required_argument, NULL, 'c'},
                                             {"interactive", no_argument, NULL, 'i'},
                                             {"tui", no_argument, NULL, OPTION_TUI},
                                             {"echo", no_argument, NULL, OPTION_ECHO},
                                             {"json", no_argument, NULL, OPTION_JSON},
                                             {"mode", required_argument, NULL, OPTION_MODE},
                                             {"color", required_argument, NULL, OPTION_COLOR},
                                             {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
                                             {"quiet", no_argument, NULL, 'q'},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {0}};

static bool add_step(struct options *o, const char *text, bool is_file, struct c2s_error *err)
{
    struct options_step *steps = realloc(o->steps, (size_t)(o->n_steps + 1) * sizeof *steps);
    if (!steps)
        return c2s_fail_nomem(err);
    o->steps = steps;
    steps[o->n_steps++] = (struct options_step){.text = text, .is_file = is_file};
    return true;
}

/* Index of name in the list, or -1 with USAGE. */
static int choose(const char *option, const char *name, const char *const *list,
                  struct c2s_error *err)
{
    for (int i = 0; list[i]; i++)
        if (strcmp(list[i], name) == 0)
            return i;
    c2s_fail(err, C2S_USAGE, "%s does not know \"%s\"; c2s-shell --help lists the choices", option,
             name);
    return -1;
}

static bool set_choice(struct options *o, int option, struct c2s_error *err)
{
    static const char *const colors[] = {"auto", "always", "never", NULL};
    int chosen = option == OPTION_MODE ? choose("--mode", optarg, text_mode_names, err)
                                       : choose("--color", optarg, colors, err);
    if (chosen < 0)
        return false;
    if (option == OPTION_MODE)
        o->mode = (enum text_mode)chosen;
    else
        o->color = (enum color_choice)chosen;
    return true;
}

static bool set_option(struct options *o, int option, const char *word, struct c2s_error *err)
{
    switch (option) {
    case 'w':
        o->workspace = optarg;
        o->has_workspace = true;
        return true;
    case 'x':
        return add_step(o, optarg, true, err);
    case 'c':
        return add_step(o, optarg, false, err);
    case 'i':
        o->is_interactive = true;
        return true;
    case 'q':
        o->is_quiet = true;
        return true;
    case 'h':
        o->wants_help = true;
        return true;
    case 'V':
        o->wants_version = true;
        return true;
    case OPTION_TUI:
        o->is_tui = true;
        return true;
    case OPTION_ECHO:
        o->echo = true;
        return true;
    case OPTION_JSON:
        o->mode = TEXT_JSON;
        return true;
    case OPTION_NO_PROGRESS:
        o->no_progress = true;
        return true;
    case OPTION_MODE:
    case OPTION_COLOR:
        return set_choice(o, option, err);
    case ':':
        return c2s_fail(err, C2S_USAGE, "%s needs a value; c2s-shell --help shows which", word);
    default:
        return c2s_fail(err, C2S_USAGE, "there is no option %s; c2s-shell --help lists them", word);
    }
}

static bool parse_some(int argc, char **argv, struct options *o, struct c2s_error *err)
{
    int option;
    while (err->code == C2S_OK) {
        const char *word = optind < argc ? argv[optind] : "";
        option = getopt_long(argc, argv, "+:w:x:c:iqhV", long_options, NULL);
        if (option < 0)
            return true;
        if (!set_option(o, option, word, err))
            return false;
    }
    return false;
}

static bool is_workspace(const char *path)
{
    char head[16] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    return n == sizeof head && memcmp(head, "SQLite format 3", 16) == 0;
}

/* The first word is a file when there is one, else it must be a command. */
static bool take_first_word(struct options *o, const char *word, bool *is_file,
                            struct c2s_error *err)
{
    struct stat info = {0};
    struct c2s_error not_command = {0};
    bool exists = stat(word, &info) == 0;
    bool is_command =
        !strchr(word, '/') && !strchr(word, '.') && cmd_find(word, &not_command) != NULL;
    *is_file = exists && !(S_ISDIR(info.st_mode) && is_command); /* load says what a folder is */
    if (*is_file) {
        if (is_workspace(word))
            o->workspace = word, o->has_workspace = true;
        else
            o->model = word;
        return true;
    }
    if (is_command)
        return true;
    if (strchr(word, '/') || strchr(word, '.'))
        return c2s_fail(err, C2S_IO, "cannot open \"%s\": %s; give a Keras model or a workspace",
                        word, strerror(errno));
    return c2s_fail(err, C2S_USAGE, "%s", not_command.text);
}

bool options_parse(int argc, char **argv, struct options *out, struct c2s_error *err)
{
    *out = (struct options){.workspace = "./workspace.c2s"};
    opterr = 0;
    if (!parse_some(argc, argv, out, err))
        return false;
    if (optind == argc || out->wants_help || out->wants_version)
        return true;
    bool is_file;
    if (!take_first_word(out, argv[optind], &is_file, err))
        return false;
    if (is_file) {
        optind++;
        if (!parse_some(argc, argv, out, err))
            return false;
    }
    out->command = argv + optind;
    out->n_command = argc - optind;
    return true;
}

void options_finish(struct options *o)
{
    free(o->steps);
    o->steps = NULL;
}
