#!/bin/bash
# What the core links to: no SQL, no terminal, no printing, no ending of the program.
# usage: check_symbols.sh LIBCORE
set -u
symbols=$(nm -u "${1:?libcore.a}" | awk 'NF == 2 { print $2 }' | sort -u)
[ "$(wc -l <<<"$symbols")" -gt 50 ] || { echo "nm finds too few symbols in $1"; exit 2; }
names='sqlite3_.*|initscr|newwin|endwin|rl_.*|readline|add_history'
names+='|v?f?printf|v?dprintf|puts|fputs|putchar|perror|psignal|error|v?warnx?|v?errx?'
names+='|stdout|stderr|_?exit|_Exit|quick_exit|abort|raise|kill|system|popen|syslog'
wrong=$(grep -E "^(__)?_*($names)(_chk)?(64)?$" <<<"$symbols")
[ -z "$wrong" ] && exit 0
echo "the core must not use: $wrong" | tr '\n' ' '
exit 1
