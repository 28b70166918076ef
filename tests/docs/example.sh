#!/bin/bash
# scripts/example.c2s, which scripts/setup shows, runs to its end.
# usage: example.sh PROGRAM SOURCE_ROOT
set -eu -o pipefail
program=$(realpath "${1:?program}")
cd "${2:?source root}"
"$program" -w :memory: -x scripts/example.c2s
