/* Copies of sheets, for a sink that shows them longer than one call. */
#include "sheet.h"

#include <stdlib.h>
#include <string.h>

static bool copy_text(char **text)
{
    if (!*text)
        return true;
    *text = strdup(*text);
    return *text != NULL;
}

/* A copy of n elements, or NULL; never NULL for n = 0. */
static void *copy_array(const void *array, int n, size_t element)
{
    void *copy = calloc(n > 0 ? (size_t)n : 1, element);
    if (copy && n > 0)
        memcpy(copy, array, (size_t)n * element);
    return copy;
}

static bool copy_lines(struct sheet_lines *lines)
{
    int n = lines->n;
    lines->at = copy_array(lines->at, n, sizeof *lines->at);
    lines->n = 0;
    while (lines->at && lines->n < n && copy_text(&lines->at[lines->n].text))
        lines->n++;
    return lines->at && lines->n == n;
}

static bool copy_row(struct sheet_row *row)
{
    int n = row->n_cells;
    struct sheet_lines notes = row->notes;
    row->cells = copy_array(row->cells, n, sizeof *row->cells);
    row->n_cells = 0;
    row->notes = (struct sheet_lines){0};
    while (row->cells && row->n_cells < n && copy_text(&row->cells[row->n_cells].text))
        row->n_cells++;
    if (!row->cells || row->n_cells < n)
        return false;
    row->notes = notes;
    return copy_lines(&row->notes);
}

/* Names of columns may live as long as their sheet only: see sheet_keep. */
static void keep_names(struct sheet *copy)
{
    for (int c = 0; c < copy->n_columns; c++) {
        struct sheet_column *column = &copy->columns[c];
        bool is_one = column->key == column->name;
        column->key = column->key ? sheet_keep(copy, column->key) : NULL;
        column->name = is_one ? column->key : column->name ? sheet_keep(copy, column->name) : NULL;
    }
}

static bool copy_fact(struct sheet_cell *value)
{
    if (value->kind != SHEET_ROWS)
        return copy_text(&value->text);
    value->rows = sheet_clone(value->rows);
    return value->rows != NULL;
}

static bool copy_parts(struct sheet *copy, const struct sheet *s)
{
    copy->before = s->before;
    if (!copy_lines(&copy->before))
        return false;
    copy->after = s->after;
    if (!copy_lines(&copy->after))
        return false;
    copy->columns = copy_array(s->columns, s->n_columns, sizeof *s->columns);
    copy->rows = copy_array(s->rows, s->n_rows, sizeof *s->rows);
    copy->facts = copy_array(s->facts, s->n_facts, sizeof *s->facts);
    if (!copy->columns || !copy->rows || !copy->facts)
        return false;
    copy->n_columns = s->n_columns;
    keep_names(copy);
    for (int i = 0; i < s->n_rows; i++) {
        copy->n_rows = i + 1; /* a row that failed holds only what may be freed */
        if (!copy_row(&copy->rows[i]))
            return false;
    }
    for (int i = 0; i < s->n_facts; i++, copy->n_facts++)
        if (!copy_fact(&copy->facts[i].value))
            return false;
    return !copy->is_broken;
}

struct sheet *sheet_clone(const struct sheet *s)
{
    struct sheet *copy = calloc(1, sizeof *copy);
    if (!copy)
        return NULL;
    copy->rows_key = s->rows_key;
    copy->rows_are_machine = s->rows_are_machine;
    copy->title = s->title;
    bool ok = copy_text(&copy->title);
    if (ok) {
        copy->next = s->next;
        ok = copy_text(&copy->next);
    }
    if (!ok || !copy_parts(copy, s)) {
        sheet_destroy(copy);
        return NULL;
    }
    return copy;
}
