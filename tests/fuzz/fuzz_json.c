/* Fuzz target: JSON; what is printed must be read again as the same. */
#include "fuzz.h"

#include <string.h>

#include <c2s/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    fuzz_begin(size);
    struct c2s_json *v = c2s_json_parse((const char *)data, size, &err);
    fuzz_end();
    fuzz_answer(v != NULL, &err);
    if (!v)
        return 0;
    char *first = c2s_json_print(v, 17, true);
    struct c2s_json *back = first ? c2s_json_parse(first, strlen(first), &err) : NULL;
    char *second = back ? c2s_json_print(back, 17, true) : NULL;
    if (!second || strcmp(first, second) != 0)
        fuzz_abort("JSON is another one after printing");
    c2s_json_text_free(first);
    c2s_json_text_free(second);
    c2s_json_free(back);
    c2s_json_free(v);
    return 0;
}
