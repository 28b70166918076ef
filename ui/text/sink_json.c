/* Prints a sheet as one line of JSON: an array of its rows, or an object of its facts with the rows
 * inside. */
#include "sink_text.h"

#include <c2s/json.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct c2s_json *list_value(const char *text)
{
    struct c2s_json *list = c2s_json_new_array();
    char *copy = text ? strdup(text) : NULL, *rest = copy;
    bool ok = list && (!text || copy);
    for (char *item; ok && rest && (item = strsep(&rest, "\n"));)
        ok = c2s_json_append(list, c2s_json_new_text(item));
    free(copy);
    if (!ok) {
        c2s_json_free(list);
        return NULL;
    }
    return list;
}

/* The text is what SQL prints of this real: with a point, and the same when it is read back. */
static bool is_real(const char *text, double value)
{
    for (int digits = 15; digits <= 17; digits += 2) {
        char again[48];
        snprintf(again, sizeof again, "%.*g", digits, value);
        size_t n = strcspn(again, "e");
        if (!memchr(again, '.', n)) {
            memmove(again + n + 2, again + n, strlen(again + n) + 1);
            memcpy(again + n, ".0", 2);
        }
        if (strcmp(text, again) == 0)
            return isfinite(value);
    }
    return false;
}

static struct c2s_json *text_value(const struct sheet_cell *cell)
{
    if (!cell->may_be_number)
        return c2s_json_new_text(cell->text);
    char again[32];
    errno = 0;
    long long integer = strtoll(cell->text, NULL, 10);
    snprintf(again, sizeof again, "%lld", integer);
    if (errno == 0 && strcmp(cell->text, again) == 0)
        return c2s_json_new_integer(integer);
    double real = strtod(cell->text, NULL);
    return is_real(cell->text, real) ? c2s_json_new_real(real) : c2s_json_new_text(cell->text);
}

static struct c2s_json *rows_value(const struct sheet *s);

static struct c2s_json *cell_value(const struct sheet_cell *cell)
{
    switch (cell->kind) {
    case SHEET_TEXT:
        return text_value(cell);
    case SHEET_INTEGER:
        return c2s_json_new_integer(cell->integer);
    case SHEET_REAL:
    case SHEET_PERCENT:
        return c2s_json_new_real(cell->real);
    case SHEET_BOOL:
        return c2s_json_new_bool(cell->integer != 0);
    case SHEET_LIST:
        return list_value(cell->text);
    case SHEET_ROWS:
        return rows_value(cell->rows);
    case SHEET_NONE:
        break;
    }
    return c2s_json_new_null();
}

static struct c2s_json *rows_value(const struct sheet *s)
{
    struct c2s_json *rows = c2s_json_new_array();
    bool ok = rows != NULL;
    for (int r = 0; ok && r < s->n_rows; r++) {
        struct c2s_json *row = c2s_json_new_object();
        ok = row != NULL;
        for (int c = 0; ok && c < s->n_columns; c++)
            if (s->columns[c].key)
                ok = c2s_json_set(row, s->columns[c].key, cell_value(&s->rows[r].cells[c]));
        ok = ok && c2s_json_append(rows, c2s_json_share(row));
        c2s_json_free(row);
    }
    if (!ok) {
        c2s_json_free(rows);
        return NULL;
    }
    return rows;
}

bool text_print_json(struct text_sink *t, const struct sheet *s, struct c2s_error *err)
{
    struct c2s_json *value = NULL;
    bool ok = true;
    if (s->n_facts == 0 && s->n_columns > 0) {
        value = rows_value(s);
    } else {
        value = c2s_json_new_object();
        ok = value != NULL;
        for (int i = 0; ok && i < s->n_facts; i++)
            ok = c2s_json_set(value, s->facts[i].key, cell_value(&s->facts[i].value));
        if (ok && s->n_columns > 0)
            ok = c2s_json_set(value, s->rows_key, rows_value(s));
        if (ok && t->sink.failure)
            ok = c2s_json_set(value, "error", text_failure_json(t->sink.failure));
    }
    char *text = ok && value ? c2s_json_print(value, 15, false) : NULL;
    c2s_json_free(value);
    if (!text)
        return c2s_fail_nomem(err);
    fprintf(t->out, "%s\n", text);
    c2s_json_text_free(text);
    return true;
}
