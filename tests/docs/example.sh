#!/bin/bash
# scripts/example.c2s, which scripts/setup shows, runs to its end.
# usage: example.sh PROGRAM SOURCE_ROOT
set -eu
cd "${2:?source root}"
"${1:?program}" -w :memory: -x scripts/example.c2s
