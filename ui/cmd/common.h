/* Small things that several commands need. */
#ifndef UI_COMMON_H
#define UI_COMMON_H

#include "cmd.h"

/* The version named by the argument, or the current one when it was not given. */
bool common_version(struct cmd_ctx *ctx, const struct cmd_args *a, const char *name,
                    const struct c2s_version **out, struct c2s_error *err) C2S_MUST_CHECK;
/* What check asks for unless told otherwise: AKD1000, the scaling of the data in use. */
struct c2s_check_options common_check_options(struct cmd_ctx *ctx, const struct c2s_version *v);
/* The options --level and --profile of commands that check, and what was chosen. */
extern const char *const common_levels[], *const common_profiles[];
#define COMMON_LEVEL_ARG                                                                           \
    {                                                                                              \
        .name = "--level", .value = "LEVEL", .type = ARG_CHOICE, .choices = common_levels,         \
        .help = "keras, akida or akd1000"                                                          \
    }
#define COMMON_PROFILE_ARG                                                                         \
    {                                                                                              \
        .name = "--profile", .value = "PROFILE", .type = ARG_CHOICE, .choices = common_profiles,   \
        .help = "which chips: production (default) or the first samples, preproduction"            \
    }
enum c2s_level common_level(const struct cmd_args *a);
enum c2s_profile common_profile(const struct cmd_args *a);
/* Such findings, without a look at the data; end with c2s_findings_finish. */
bool common_check(struct cmd_ctx *ctx, const struct c2s_version *v, struct c2s_findings *out,
                  struct c2s_error *err) C2S_MUST_CHECK;
/* All that check says of a version: its findings for AKD1000, and for each layer the Akida layer it
 * becomes and its role there, as c2s_check_map fills them. End with common_checked_finish, also
 * after a failure. */
struct common_checked {
    struct c2s_findings findings;
    int *akida_index;
    const char **role;
};
bool common_check_all(struct cmd_ctx *ctx, const struct c2s_version *v, struct common_checked *out,
                      struct c2s_error *err) C2S_MUST_CHECK;
void common_checked_finish(struct common_checked *c);
/* Index of the layer of that name, or of the one whose name alone begins so; NOT_FOUND tells the
 * nearest name, or all that begin so. */
bool common_layer(const struct c2s_version *v, const char *name, int *layer,
                  struct c2s_error *err) C2S_MUST_CHECK;
/* True when numbers up to 255 go into a model that scales nothing itself: most such models want
 * them divided by 255. */
bool common_is_unscaled(const struct c2s_dataset *data, const struct c2s_model *m);
/* The training that `retrain --resume` goes on with now; step NULL = none. End with
 * c2s_interrupted_finish. */
bool common_interrupted(struct cmd_ctx *ctx, struct c2s_interrupted *out,
                        struct c2s_error *err) C2S_MUST_CHECK;
/* A sheet of one line. */
bool common_say(struct cmd_ctx *ctx, struct c2s_error *err, const char *fmt, ...)
    C2S_PRINTF(3, 4) C2S_MUST_CHECK;
double common_seconds(void); /* a clock that only runs forward */

#endif
