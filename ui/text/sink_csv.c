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
    else if (cell->kind != SHEET_NONE && isfinite(cell->real))
        print_number(out, cell->real);
}

void text_print_csv(struct text_sink *t, const struct sheet *s)
{
    bool has_rows = s->n_columns > 0;
    int n = has_rows ? s->n_columns : s->n_facts;
    if (n == 0)
        return;
    for (int i = 0; i < n; i++) {
        fputs(i ? "," : "", t->out);
        print_field(t->out, has_rows ? s->columns[i].key : s->facts[i].key);
    }
    fputc('\n', t->out);
    for (int r = 0; r < (has_rows ? s->n_rows : 1); r++) {
        for (int i = 0; i < n; i++) {
            fputs(i ? "," : "", t->out);
            print_cell(t->out, has_rows ? &s->rows[r].cells[i] : &s->facts[i].value);
        }
        fputc('\n', t->out);
    }
}
