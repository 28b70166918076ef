/* The attributes of each op as data, so that a model's JSON form is written and read by one list.
 */
#ifndef C2S_KERAS_FIELDS_H
#define C2S_KERAS_FIELDS_H

#include <c2s/layer.h>

enum field_kind {
    FIELD_INT,
    FIELD_PAIR, /* int[2] */
    FIELD_REAL, /* float */
    FIELD_BOOL,
    FIELD_ENUM, /* stored as one of the names */
    FIELD_DIMS  /* int64_t[C2S_MAX_RANK], as many as the int `rank` right before them */
};

struct field {
    enum c2s_op op;
    const char *key;
    enum field_kind kind;
    size_t offset;            /* in struct c2s_layer */
    const char *const *names; /* FIELD_ENUM: ends with NULL */
};

extern const struct field keras_fields[]; /* ends with key NULL */
extern const char *const keras_dialect_names[];
extern const char *const keras_note_kind_names[]; /* both end with NULL */

#endif
