#!/bin/bash
# No file of the project names a folder of somebody's machine or a package registry's host.
# usage: check_paths.sh SOURCE_ROOT
set -u
cd "${1:?source root}" || exit 2
# Brackets keep the patterns from finding themselves.
patterns='/wor[k]/|/tmp/env[s]|/hom[e]/[a-z]|/roo[t]/|/User[s]/|\.\./share[d]/|issu[e] 3|pypi\.or[g]|pythonhoste[d]'
files=$(find . -type f -not -path './.git*' -not -path './build*' -not -path './.cache/*' \
    -not -path './.venv*' -not -name '*.pyc')
[ "$(wc -l <<<"$files")" -gt 100 ] || { echo "too few files in $1: wrong folder?"; exit 2; }
found=$(tr '\n' '\0' <<<"$files" | xargs -0 grep -aoE "$patterns" -n | cut -c1-160)
[ -z "$found" ] && exit 0
echo "machine paths or hosts in:"
echo "$found"
exit 1
