#!/bin/bash
# The command section of c2s-shell.1 and c2s-rules.7 are what the tables say, and every page is well
# formed.
# usage: man_pages.sh PROGRAM SOURCE_ROOT
set -eu -o pipefail
program=$(realpath "${1:?program}")
cd "${2:?source root}"
python3 scripts/man_commands.py "$program" | diff - <(sed -n '/^\.\\" begin commands$/,/^\.\\" end commands$/p' man/c2s-shell.1) || {
    echo "man/c2s-shell.1 is out of date: run scripts/update-manual"
    exit 1
}
python3 scripts/man_commands.py "$program" rules | diff - man/c2s-rules.7 || {
    echo "man/c2s-rules.7 is out of date: run scripts/update-manual"
    exit 1
}
mandoc -T lint -W warning man/*.[157]

options=$("$program" --help | grep -E '^ +-' | grep -oE '^ +(-[A-Za-z], )?--[a-z-]+' | tr -d ,)
[ "$(wc -w <<<"$options")" -ge 12 ] || { echo "--help lists too few options: $options"; exit 1; }
for option in $options; do
    grep -qF -- "\\fB${option//-/\\-}\\fR" man/c2s-shell.1 || {
        echo "man/c2s-shell.1 does not explain $option"
        exit 1
    }
done

# One list of views: what c2s-script.5 explains, what 'help sql' names, and what there is.
explained=$(sed -n '/^For reading by people/,/^The hash/p' man/c2s-script.5 | grep -A1 '^\.TP' | sed -n 's/^\.B //p' | sort)
named=$("$program" help sql | tr -s ' \n' ' ' | grep -oP 'Views made for it: \K[^;]*' | tr -d ' ' | tr , '\n' | sort)
there=$("$program" -w :memory: --mode csv sql "SELECT name FROM sqlite_schema WHERE type = 'view'" | sed 1d | tr -d '"\r' | sort)
if [ -z "$there" ] || [ "$explained" != "$there" ] || [ "$named" != "$there" ]; then
    echo "views there are: $there; in c2s-script.5: $explained; in 'help sql': $named"
    exit 1
fi
