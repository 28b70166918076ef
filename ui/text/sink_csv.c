/* Prints the rows of a sheet as CSV (RFC 4180, but lines end in \n); a sheet without columns gives
 * its facts as one row. */
#include "sink_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void print_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (char[2]){*text, '\0'}, out);
    fputc('"', out);
}

/* The shortest decimal text that reads back as the same number. */
static void print_number(FILE *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back;
        if (sscanf(text, "%lf", &back) == 1 && back == value)
            break;
    }
    fputs(text, out);
}

static void print_cell(FILE *out, const struct sheet_cell *cell)
{
    if (cell->kind == SHEET_TEXT || cell->kind == SHEET_LIST)
        print_field(out, cell->text ? cell->text : "");
    else if (cell->kind == SHEET_INTEGER)
        fprintf(out, "%" PRId64, cell->integer);
    else if (cell->kind == SHEET_BOOL)
        fputs(cell->integer ? "true" : "false", out);
    else if (cell->kind != SHEET_NONE && cell->kind != SHEET_ROWS && isfinite(cell->real))
        print_number(out, cell->real);
}

static void print_facts(FILE *out, const struct sheet *s)
{
    for (int i = 0; i < s->n_facts; i++) {
        fputs(i ? "," : "", out);
        print_field(out, s->facts[i].key);
    }
    fputc('\n', out);
    for (int i = 0; i < s->n_facts; i++) {
        fputs(i ? "," : "", out);
        print_cell(out, &s->facts[i].value);
    }
    fputc('\n', out);
}

/* One line: of the keys when row is NULL. */
static void print_row(FILE *out, const struct sheet *s, const struct sheet_row *row)
{
    bool is_first = true;
    for (int c = 0; c < s->n_columns; c++) {
        if (!s->columns[c].key)
            continue;
        fputs(is_first ? "" : ",", out);
        is_first = false;
        if (row)
            print_cell(out, &row->cells[c]);
        else
            print_field(out, s->columns[c].key);
    }
    fputc('\n', out);
}

void text_print_csv(struct text_sink *t, const struct sheet *s)
{
    if (s->n_columns > 0) {
        print_row(t->out, s, NULL);
        for (int r = 0; r < s->n_rows; r++)
            print_row(t->out, s, &s->rows[r]);
    } else if (s->n_facts > 0) {
        print_facts(t->out, s);
    }
}
