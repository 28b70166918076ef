#!/bin/bash
# Runs one session in an empty folder with a fixed environment and compares what it prints.
# usage: run_session.sh C2S_SHELL NAME.c2s|NAME.sh [--accept]
#   NAME.c2s is run as a script with --echo; NAME.sh is run by bash and may use `run ARGUMENTS`,
#   which shows the command line, its output and its exit code. Expected output is in NAME.out;
#   --accept writes it (then read the difference before you commit it).
set -u
shell=$(realpath "${1:?c2s-shell}")
session=$(realpath "${2:?session}")
accept=${3:-}
: "${C2S_TEST_DATA:?set by meson}"
data=$(realpath "$C2S_TEST_DATA")
expected=${session%.*}.out
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 2
ln -s "$data" data
ln -s "$data/fm_sep.h5" .
ln -s "$data/fashion-mnist-1k" .
mkdir .home

cat >.run <<'END'
run() { # shows and runs c2s-shell
    local code
    echo "\$ c2s-shell $*"
    "$C2S_PROGRAM" "$@"
    code=$?
    [ "$code" -eq 0 ] || echo "exit $code"
    return "$code"
}
END

case $session in
*.c2s) command=("$shell" --echo -x "$session") ;;
*) command=(env BASH_ENV=.run bash "$session") ;;
esac
env -i PATH="$PATH" HOME="$folder/.home" LC_ALL="${SESSION_LOCALE:-C.UTF-8}" TZ=UTC TERM=dumb \
    XDG_STATE_HOME="$folder/.home/state" XDG_CONFIG_HOME="$folder/.home/config" \
    C2S_PROGRAM="$shell" ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
    "${command[@]}" >.output 2>&1 </dev/null
code=$?
[ "$code" -eq 0 ] || echo "exit $code" >>.output
# What differs from run to run: folders, times, seconds.
sed -E -i -e "s#$data#DATA#g; s#$(dirname "$session")/##g; s#$folder#FOLDER#g" \
    -e 's/[0-9]+\.[0-9]+ s$/N s/; s/"seconds": [0-9.e-]+/"seconds": N/; s/"created": [0-9]+/"created": N/' \
    -e 's/(largest difference|"fold_error":|outputs move by up to|"difference":) [0-9.e-]+/\1 N/; s/(loss [0-9]+\.[0-9]{2})[0-9]{2}/\1nn/' \
    -e 's/ [0-2][0-9]:[0-5][0-9]( |$)/ HH:MM\1/' .output
if [ "$accept" = --accept ]; then
    cp .output "$expected"
    exit 0
fi
[ -f "$expected" ] || { echo "no $expected"; exit 1; }
diff -u "$expected" .output
