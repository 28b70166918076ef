#!/bin/bash
# Writes every model of the test data anew and has one release of BrainChip's toolkit compare the
# files with the originals.
# usage: run_roundtrip.sh v18|v22     after scripts/setup-toolkit and ninja -C build-test
set -eu
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
build-test/tests/toolkit/rewrite tests/data "$out"
".cache/toolkit/${1:?release}/bin/python" tests/toolkit/roundtrip.py tests/data "$out" 2>"$out/messages" | tee "$out/results"
status=${PIPESTATUS[0]}
[ "$status" -eq 0 ] || tail -n 20 "$out/messages"
[ "$(grep -c '^ok ' "$out/results")" -gt 50 ] || { echo "too few files were compared"; exit 1; }
exit "$status"
