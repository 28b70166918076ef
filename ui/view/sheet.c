/* Builds sheets. Layout and colour are not here: see the sinks. */
#include "sheet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element in an array of n: capacities are powers of two, so no field holds
 * them. NULL marks the sheet as broken and leaves the array as it was. */
static void *grow(struct sheet *s, void *array, int n, size_t element)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return array;
    void *grown = realloc(array, (size_t)(n ? 2 * n : 1) * element);
    if (!grown)
        s->is_broken = true;
    return grown;
}

static char *format_text(struct sheet *s, const char *fmt, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, args) < 0) {
        s->is_broken = true;
        return NULL;
    }
    return text;
}

struct sheet *sheet_create(const char *fmt, ...)
{
    struct sheet *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    va_list args;
    va_start(args, fmt);
    s->title = format_text(s, fmt, args);
    va_end(args);
    s->rows_key = "rows";
    return s;
}

static void finish_lines(struct sheet_lines *lines)
{
    for (int i = 0; i < lines->n; i++)
        free(lines->at[i].text);
    free(lines->at);
}

void sheet_destroy(struct sheet *s)
{
    if (!s)
        return;
    for (int r = 0; r < s->n_rows; r++) {
        for (int c = 0; c < s->rows[r].n_cells; c++)
            free(s->rows[r].cells[c].text);
        free(s->rows[r].cells);
        finish_lines(&s->rows[r].notes);
    }
    for (int i = 0; i < s->n_facts; i++) {
        free(s->facts[i].value.text);
        sheet_destroy(s->facts[i].value.rows);
    }
    for (int i = 0; i < s->n_kept; i++)
        free(s->kept[i]);
    free(s->kept);
    finish_lines(&s->before);
    finish_lines(&s->after);
    free(s->title);
    free(s->columns);
    free(s->rows);
    free(s->next);
    free(s->facts);
    free(s);
}

bool sheet_finish(const struct sheet *s, struct c2s_error *err)
{
    if (!s || s->is_broken)
        return c2s_fail_nomem(err);
    for (int r = 0; r < s->n_rows; r++)
        assert(s->rows[r].n_cells == s->n_columns);
    return true;
}

void sheet_rows_key(struct sheet *s, const char *key)
{
    if (s)
        s->rows_key = key;
}

void sheet_rows_for_machines(struct sheet *s)
{
    if (s)
        s->rows_are_machine = true;
}

void sheet_verbatim(struct sheet *s)
{
    if (s)
        s->is_verbatim = true;
}

void sheet_column(struct sheet *s, const char *key, const char *name, enum sheet_align align)
{
    if (!s || s->is_broken)
        return;
    struct sheet_column *columns = grow(s, s->columns, s->n_columns, sizeof *columns);
    if (!columns)
        return;
    s->columns = columns;
    columns[s->n_columns++] = (struct sheet_column){.key = key, .name = name, .align = align};
}

void sheet_minor(struct sheet *s, int rank)
{
    if (s && !s->is_broken)
        s->columns[s->n_columns - 1].minor = rank;
}

void sheet_wraps(struct sheet *s)
{
    if (s && !s->is_broken)
        s->columns[s->n_columns - 1].wraps = true;
}

void sheet_row(struct sheet *s, enum sheet_role role)
{
    if (!s || s->is_broken)
        return;
    struct sheet_row *rows = grow(s, s->rows, s->n_rows, sizeof *rows);
    if (!rows)
        return;
    s->rows = rows;
    rows[s->n_rows] = (struct sheet_row){.role = role};
    rows[s->n_rows].cells = calloc((size_t)s->n_columns, sizeof *rows->cells);
    if (rows[s->n_rows].cells)
        s->n_rows++;
    else
        s->is_broken = true;
}

static struct sheet_cell *next_cell(struct sheet *s, enum sheet_kind kind)
{
    if (!s || s->is_broken)
        return NULL;
    struct sheet_row *row = &s->rows[s->n_rows - 1];
    assert(row->n_cells < s->n_columns);
    struct sheet_cell *cell = &row->cells[row->n_cells++];
    cell->kind = kind;
    return cell;
}

void sheet_textf(struct sheet *s, const char *fmt, ...)
{
    struct sheet_cell *cell = next_cell(s, SHEET_TEXT);
    if (!cell)
        return;
    va_list args;
    va_start(args, fmt);
    cell->text = format_text(s, fmt, args);
    va_end(args);
}

void sheet_text(struct sheet *s, const char *text)
{
    if (text)
        sheet_textf(s, "%s", text);
    else
        sheet_none(s);
}

void sheet_text_or_number(struct sheet *s, const char *text)
{
    sheet_text(s, text);
    if (s && !s->is_broken && text)
        s->rows[s->n_rows - 1].cells[s->rows[s->n_rows - 1].n_cells - 1].may_be_number = true;
}

void sheet_integer(struct sheet *s, int64_t value)
{
    struct sheet_cell *cell = next_cell(s, SHEET_INTEGER);
    if (cell)
        cell->integer = value;
}

static void add_real(struct sheet *s, enum sheet_kind kind, double value, int digits)
{
    struct sheet_cell *cell = next_cell(s, kind);
    if (!cell)
        return;
    cell->real = value;
    cell->digits = digits;
}

void sheet_real(struct sheet *s, double value, int digits)
{
    add_real(s, SHEET_REAL, value, digits);
}

void sheet_percent(struct sheet *s, double fraction, int digits)
{
    add_real(s, SHEET_PERCENT, fraction, digits);
}

void sheet_bool(struct sheet *s, bool value)
{
    struct sheet_cell *cell = next_cell(s, SHEET_BOOL);
    if (cell)
        cell->integer = value;
}

void sheet_none(struct sheet *s)
{
    next_cell(s, SHEET_NONE);
}

void sheet_mark(struct sheet *s, enum sheet_role role)
{
    if (!s || s->is_broken)
        return;
    struct sheet_row *row = &s->rows[s->n_rows - 1];
    row->cells[row->n_cells - 1].role = role;
}

static void add_line(struct sheet *s, struct sheet_lines *lines, enum sheet_role role, char *text)
{
    struct sheet_line *at = text ? grow(s, lines->at, lines->n, sizeof *at) : NULL;
    if (!at) {
        free(text);
        return;
    }
    lines->at = at;
    at[lines->n++] = (struct sheet_line){.text = text, .role = role};
}

void sheet_note(struct sheet *s, enum sheet_role role, const char *fmt, ...)
{
    if (!s || s->is_broken)
        return;
    va_list args;
    va_start(args, fmt);
    add_line(s, &s->rows[s->n_rows - 1].notes, role, format_text(s, fmt, args));
    va_end(args);
}

void sheet_before(struct sheet *s, enum sheet_role role, const char *fmt, ...)
{
    if (!s || s->is_broken)
        return;
    va_list args;
    va_start(args, fmt);
    add_line(s, &s->before, role, format_text(s, fmt, args));
    va_end(args);
}

void sheet_drawn(struct sheet *s, enum sheet_role role, const char *text)
{
    int before = s ? s->before.n : 0;
    sheet_before(s, role, "%s", text);
    if (s && s->before.n > before)
        s->before.at[before].is_drawn = true;
}

void sheet_after(struct sheet *s, enum sheet_role role, const char *fmt, ...)
{
    if (!s || s->is_broken)
        return;
    va_list args;
    va_start(args, fmt);
    add_line(s, &s->after, role, format_text(s, fmt, args));
    va_end(args);
}

void sheet_next(struct sheet *s, const char *fmt, ...)
{
    if (!s || s->is_broken)
        return;
    va_list args;
    va_start(args, fmt);
    free(s->next);
    s->next = format_text(s, fmt, args);
    va_end(args);
}

static struct sheet_cell *add_fact(struct sheet *s, const char *key, enum sheet_kind kind)
{
    if (!s || s->is_broken)
        return NULL;
    struct sheet_fact *facts = grow(s, s->facts, s->n_facts, sizeof *facts);
    if (!facts)
        return NULL;
    s->facts = facts;
    facts[s->n_facts] = (struct sheet_fact){.key = key, .value = {.kind = kind}};
    return &facts[s->n_facts++].value;
}

void sheet_fact_text(struct sheet *s, const char *key, const char *value)
{
    struct sheet_cell *cell = add_fact(s, key, value ? SHEET_TEXT : SHEET_NONE);
    if (!cell || !value)
        return;
    cell->text = strdup(value);
    s->is_broken = !cell->text;
}

void sheet_fact_integer(struct sheet *s, const char *key, int64_t value)
{
    struct sheet_cell *cell = add_fact(s, key, SHEET_INTEGER);
    if (cell)
        cell->integer = value;
}

void sheet_fact_real(struct sheet *s, const char *key, double value)
{
    struct sheet_cell *cell = add_fact(s, key, SHEET_REAL);
    if (cell)
        cell->real = value;
}

void sheet_fact_bool(struct sheet *s, const char *key, bool value)
{
    struct sheet_cell *cell = add_fact(s, key, SHEET_BOOL);
    if (cell)
        cell->integer = value;
}

static struct sheet_cell *find_list(struct sheet *s, const char *key)
{
    for (int i = 0; s && i < s->n_facts; i++)
        if (strcmp(s->facts[i].key, key) == 0)
            return &s->facts[i].value;
    return add_fact(s, key, SHEET_LIST);
}

void sheet_fact_item(struct sheet *s, const char *key, const char *item)
{
    struct sheet_cell *list = find_list(s, key);
    if (!list || !item)
        return;
    char *joined = NULL;
    if (asprintf(&joined, "%s%s%s", list->text ? list->text : "", list->text ? "\n" : "", item) <
        0) {
        s->is_broken = true;
        return;
    }
    free(list->text);
    list->text = joined;
}

void sheet_fact_rows(struct sheet *s, const char *key, struct sheet *rows)
{
    struct sheet_cell *cell = add_fact(s, key, SHEET_ROWS);
    if (!cell) {
        sheet_destroy(rows);
        return;
    }
    cell->rows = rows;
    s->is_broken = !rows || rows->is_broken;
}

const char *sheet_keep(struct sheet *s, const char *text)
{
    if (!s || s->is_broken)
        return "";
    char **kept = grow(s, s->kept, s->n_kept, sizeof *kept);
    if (!kept)
        return "";
    s->kept = kept;
    kept[s->n_kept] = strdup(text);
    if (!kept[s->n_kept]) {
        s->is_broken = true;
        return "";
    }
    return kept[s->n_kept++];
}
