#!/bin/bash
# Runs the README's twelve lines in a new workspace, as a script; each must succeed and say
# something.
# usage: tour.sh PROGRAM SOURCE_ROOT
set -eu -o pipefail
program=$(realpath "${1:?program}")
cd "${2:?source root}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2016
sed -n '/^```c2s$/,/^```$/{/^```/d;p}' README.md >"$dir/tour.c2s"
n=$(grep -c . "$dir/tour.c2s")
[ "$n" -eq 12 ] || { echo "README.md's tour has $n lines, not 12"; exit 1; }
"$program" -w "$dir/workspace.c2s" -x "$dir/tour.c2s" >"$dir/out" 2>"$dir/err" || {
    cat "$dir/out" "$dir/err"
    exit 1
}
[ ! -s "$dir/err" ] || { cat "$dir/err"; exit 1; }
# After the tour there are three versions and the head is v2, as its comments say.
versions=$("$program" -w "$dir/workspace.c2s" sql "SELECT group_concat(id || ':' || is_head, ' ') AS v FROM versions" --json)
[[ $versions == *'"1:0 2:1 3:0"'* ]] || { echo "versions and head are: $versions"; exit 1; }
