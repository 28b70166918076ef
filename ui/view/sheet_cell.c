/* Cells as people read them. */
#include "sheet.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

char *sheet_group_digits(int64_t value, char *out, size_t size)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%" PRId64, value);
    size_t used = 0;
    for (int i = 0; i < n && used + 2 < size; i++) {
        out[used++] = digits[i];
        int left = n - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-')
            out[used++] = ',';
    }
    out[used] = '\0';
    return out;
}

char *sheet_cell_text(const struct sheet_cell *cell, char *out, size_t size)
{
    switch (cell->kind) {
    case SHEET_TEXT:
    case SHEET_LIST:
        snprintf(out, size, "%s", cell->text ? cell->text : "");
        return out;
    case SHEET_ROWS: /* only JSON has rows in rows */
    case SHEET_NONE:
        break;
    case SHEET_INTEGER:
        return sheet_group_digits(cell->integer, out, size);
    case SHEET_BOOL:
        snprintf(out, size, "%s", cell->integer ? "yes" : "no");
        return out;
    case SHEET_REAL:
    case SHEET_PERCENT:
        if (isnan(cell->real))
            break;
        if (isinf(cell->real)) {
            snprintf(out, size, "%s", cell->real < 0 ? "-inf" : "inf");
            return out;
        }
        if (cell->kind == SHEET_PERCENT)
            snprintf(out, size, "%.*f %%", cell->digits, 100 * cell->real);
        else
            snprintf(out, size, "%.*f", cell->digits, cell->real);
        return out;
    }
    snprintf(out, size, "-");
    return out;
}
