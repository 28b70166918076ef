/* Prints a sheet as Markdown: lines as paragraphs, rows as a pipe table, for reports and issues. */
#include "sink_text.h"

#include "view/glyph.h"

#include <stdlib.h>
#include <string.h>

/* Text of a table cell: pipes escaped, nothing that could break the table. */
static void print_escaped(FILE *out, const char *text)
{
    char *clean = glyph_clean(text);
    for (const char *c = clean; c && *c; c++)
        fputs(*c == '|' ? "\\|" : *c == '<' ? "&lt;" : (char[2]){*c, '\0'}, out);
    free(clean);
}

static void print_lines(FILE *out, const struct sheet_lines *lines)
{
    for (int i = 0; i < lines->n; i++) {
        char *clean = glyph_clean(lines->at[i].text);
        fprintf(out, "    %s\n", clean ? clean : "");
        free(clean);
    }
    if (lines->n > 0)
        fputc('\n', out);
}

static void print_rows(FILE *out, const struct sheet *s)
{
    for (int c = 0; c < s->n_columns; c++)
        if (s->columns[c].name)
            fprintf(out, "| %s ", s->columns[c].name);
    fputs("|\n", out);
    for (int c = 0; c < s->n_columns; c++)
        if (s->columns[c].name)
            fputs(s->columns[c].align == SHEET_RIGHT ? "|---:" : "|---", out);
    fputs("|\n", out);
    for (int r = 0; r < s->n_rows; r++) {
        for (int c = 0; c < s->n_columns; c++) {
            char number[64];
            const struct sheet_cell *cell = &s->rows[r].cells[c];
            if (!s->columns[c].name)
                continue;
            fputs("| ", out);
            print_escaped(out, cell->kind == SHEET_TEXT
                                   ? (cell->text ? cell->text : "")
                                   : sheet_cell_text(cell, number, sizeof number));
            fputc(' ', out);
        }
        fputs("|\n", out);
    }
    fputc('\n', out);
}

void text_print_markdown(struct text_sink *t, const struct sheet *s)
{
    if (s->title && s->title[0])
        fprintf(t->out, "**%s**\n\n", s->title);
    print_lines(t->out, &s->before);
    if (s->n_rows > 0 && !s->rows_are_machine)
        print_rows(t->out, s);
    print_lines(t->out, &s->after);
}
