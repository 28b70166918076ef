/* JSON values for reading Keras configs and for machine output. Thin cover of jansson, so that one
 * file of the project includes it. NULL is accepted wherever a value is read: it is "absent". */
#ifndef C2S_JSON_H
#define C2S_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <c2s/error.h>

struct c2s_json; /* refcounted; children are borrowed from their parent */

enum c2s_json_kind {
    C2S_JSON_ABSENT,
    C2S_JSON_NULL,
    C2S_JSON_BOOL,
    C2S_JSON_INTEGER,
    C2S_JSON_REAL,
    C2S_JSON_STRING,
    C2S_JSON_ARRAY,
    C2S_JSON_OBJECT
};

/* New value. Accepts NaN/Infinity as Python writes them (they become null). Fails: FORMAT with line
 * and column, NOMEM. */
struct c2s_json *c2s_json_parse(const char *text, size_t length,
                                struct c2s_error *err) C2S_MUST_CHECK;
void c2s_json_free(struct c2s_json *v);                    /* drops one owner; accepts NULL */
struct c2s_json *c2s_json_share(const struct c2s_json *v); /* one more owner; NULL gives NULL */

enum c2s_json_kind c2s_json_kind(const struct c2s_json *v);
bool c2s_json_is_number(const struct c2s_json *v);
/* Value, or the fallback when v is absent or of another kind. Text is borrowed. */
const char *c2s_json_text(const struct c2s_json *v, const char *fallback);
int64_t c2s_json_integer(const struct c2s_json *v, int64_t fallback); /* a real is truncated */
double c2s_json_real(const struct c2s_json *v, double fallback);
bool c2s_json_bool(const struct c2s_json *v, bool fallback); /* numbers: not 0 */

size_t c2s_json_size(const struct c2s_json *v); /* of array or object, else 0 */
struct c2s_json *c2s_json_at(const struct c2s_json *array, size_t index);      /* borrowed */
struct c2s_json *c2s_json_get(const struct c2s_json *object, const char *key); /* borrowed */
/* Members in file order; stops early when fn returns false. */
void c2s_json_each(const struct c2s_json *object,
                   bool (*fn)(void *arg, const char *key, const struct c2s_json *value), void *arg);

/* New values; NULL only on NOMEM. A real that is NaN or Inf becomes null. */
struct c2s_json *c2s_json_new_object(void);
struct c2s_json *c2s_json_new_array(void);
struct c2s_json *
c2s_json_new_text(const char *text); /* NULL gives null; invalid UTF-8 is escaped */
struct c2s_json *c2s_json_new_integer(int64_t value);
struct c2s_json *c2s_json_new_real(double value);
struct c2s_json *c2s_json_new_bool(bool value);
struct c2s_json *c2s_json_new_null(void);
/* Take value (NULL value = failure NOMEM passed on). */
bool c2s_json_set(struct c2s_json *object, const char *key, struct c2s_json *value);
bool c2s_json_append(struct c2s_json *array, struct c2s_json *value);

/* New text on one line (free with c2s_json_text_free); NULL on NOMEM. Reals get so many significant
 * digits: 17 keep every bit, 15 are what people and tables want (0.918, not 0.91800000000000004).
 * Keys in insertion order, or sorted. */
char *c2s_json_print(const struct c2s_json *v, int digits, bool sort_keys);
void c2s_json_text_free(char *text);

#endif
