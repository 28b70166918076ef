/* The rows of the table of fixes with their functions. Private to src/fix. */
#ifndef C2S_FIX_TABLE_H
#define C2S_FIX_TABLE_H

#include "fix/place.h"

fix_function *fix_function_at(int i); /* of row i of c2s_fixes() */
bool fix_answers(const struct c2s_fix_info *fix, const struct c2s_rule_info *rule);

#endif
