/* A sheet is what a command has to show: lines, a table of typed cells, and what to do next.
 * It says what things are (roles, kinds), never how they look: the sinks decide that.
 * Building never fails in the middle: out of memory is kept inside and told by sheet_finish. */
#ifndef UI_SHEET_H
#define UI_SHEET_H

#include <c2s/error.h>

#include <stddef.h>
#include <stdint.h>

enum sheet_role {
    SHEET_PLAIN,
    SHEET_ERROR,
    SHEET_WARNING,
    SHEET_GOOD,
    SHEET_CHANGED, /* differs from what it is compared with */
    SHEET_CURRENT, /* where the session stands */
    SHEET_DIM      /* present, but not the point */
};
enum sheet_align { SHEET_LEFT, SHEET_RIGHT };
enum sheet_kind {
    SHEET_NONE, /* nothing to say: "-" in a table, null in JSON */
    SHEET_TEXT,
    SHEET_INTEGER,
    SHEET_REAL,    /* `digits` decimals in a table; NaN and Inf are null in JSON */
    SHEET_PERCENT, /* a fraction 0..1: "90.4 %" in a table, 0.904 in JSON */
    SHEET_BOOL,
    SHEET_LIST, /* facts only: texts, separated by newlines in `text` */
    SHEET_ROWS  /* facts only: the rows of a sheet of their own */
};

struct sheet_cell {
    enum sheet_kind kind;
    enum sheet_role role;
    char *text;         /* owned; TEXT and LIST */
    struct sheet *rows; /* owned; ROWS */
    bool may_be_number; /* TEXT: JSON writes it as a number when it is one */
    int64_t integer;
    double real;
    int digits;
};
struct sheet_line {
    char *text; /* owned; may be longer than the screen */
    enum sheet_role role;
    bool is_drawn; /* part of a picture: cut where the screen ends, never wrapped */
};
struct sheet_lines {
    struct sheet_line *at;
    int n;
};
struct sheet_column {
    const char *key;  /* static; JSON and CSV name, or NULL = only for people */
    const char *name; /* static; heading, or NULL = only for machines */
    enum sheet_align align;
    int minor; /* > 0: tables leave it out when there is no room, the highest first */
    bool
        wraps; /* text goes on in further lines instead of being cut; the last column always does */
};
struct sheet_row {
    struct sheet_cell *cells; /* n_columns of them once the row is complete */
    int n_cells;
    enum sheet_role role;     /* of the whole row; a cell's own role is stronger */
    struct sheet_lines notes; /* shown under the row, only for people */
};
struct sheet_fact {
    const char *key; /* static */
    struct sheet_cell value;
};

struct sheet {
    char *title;               /* owned; "" = none */
    struct sheet_lines before; /* free lines in front of the table */
    struct sheet_column *columns;
    int n_columns;
    struct sheet_row *rows;
    int n_rows;
    struct sheet_lines after;
    char *next;               /* owned; what to do next, the last line; "" = nothing */
    struct sheet_fact *facts; /* for machines: the lines say the same to people */
    int n_facts;
    const char *rows_key;  /* static; of the rows beside facts in JSON; "rows" */
    bool is_verbatim;      /* lines are printed as they are: a script */
    bool rows_are_machine; /* the lines draw the rows already (histogram) */
    char **kept;           /* private: see sheet_keep */
    int n_kept;
    bool is_broken; /* private: out of memory while it was built */
};

/* New; NULL only when out of memory, and every function below accepts NULL. title may be "". */
struct sheet *sheet_create(const char *fmt, ...) C2S_PRINTF(1, 2);
void sheet_destroy(struct sheet *s);
/* New copy, or NULL when out of memory. */
struct sheet *sheet_clone(const struct sheet *s);
/* False with NOMEM when anything was lost; s stays the caller's. */
bool sheet_finish(const struct sheet *s, struct c2s_error *err) C2S_MUST_CHECK;

/* Name of the rows in JSON when there are facts too; key is static. */
void sheet_rows_key(struct sheet *s, const char *key);
/* The rows are drawn by lines already: tables leave them out. */
void sheet_rows_for_machines(struct sheet *s);
/* The lines are for a program to read: never wrapped, indented or coloured. */
void sheet_verbatim(struct sheet *s);
/* Columns come before rows. name NULL = only for machines, key NULL = only for people. */
void sheet_column(struct sheet *s, const char *key, const char *name, enum sheet_align align);
void sheet_minor(struct sheet *s, int rank);           /* of the last column */
void sheet_wraps(struct sheet *s);                     /* the last column */
void sheet_row(struct sheet *s, enum sheet_role role); /* begins a row */
/* Next cell of the last row. */
void sheet_text(struct sheet *s, const char *text);           /* NULL = nothing to say */
void sheet_text_or_number(struct sheet *s, const char *text); /* TEXT that may be a number */
void sheet_textf(struct sheet *s, const char *fmt, ...) C2S_PRINTF(2, 3);
void sheet_integer(struct sheet *s, int64_t value);
void sheet_real(struct sheet *s, double value, int digits);
void sheet_percent(struct sheet *s, double fraction, int digits);
void sheet_bool(struct sheet *s, bool value);
void sheet_none(struct sheet *s);
void sheet_mark(struct sheet *s, enum sheet_role role); /* role of the last cell */
/* A line under the last row. */
void sheet_note(struct sheet *s, enum sheet_role role, const char *fmt, ...) C2S_PRINTF(3, 4);

void sheet_before(struct sheet *s, enum sheet_role role, const char *fmt, ...) C2S_PRINTF(3, 4);
/* A line of a picture. */
void sheet_drawn(struct sheet *s, enum sheet_role role, const char *text);
void sheet_after(struct sheet *s, enum sheet_role role, const char *fmt, ...) C2S_PRINTF(3, 4);
void sheet_next(struct sheet *s, const char *fmt, ...) C2S_PRINTF(2, 3);

/* Facts: members of the JSON object. */
void sheet_fact_text(struct sheet *s, const char *key, const char *value); /* NULL = null */
void sheet_fact_integer(struct sheet *s, const char *key, int64_t value);
void sheet_fact_real(struct sheet *s, const char *key, double value);
void sheet_fact_bool(struct sheet *s, const char *key, bool value);
/* Adds one text to the list `key`; NULL makes sure that the list is there. */
void sheet_fact_item(struct sheet *s, const char *key, const char *item);
/* The rows of a sheet, which is taken. */
void sheet_fact_rows(struct sheet *s, const char *key, struct sheet *rows);

/* A copy of text that lives as long as the sheet: for keys and names that are not static. */
const char *sheet_keep(struct sheet *s, const char *text);

/* The cell as people read it, without role: "-", "1,024", "90.4 %"; returns out. */
char *sheet_cell_text(const struct sheet_cell *cell, char *out, size_t size);
/* "1,234,567" */
char *sheet_group_digits(int64_t value, char *out, size_t size);

#endif
