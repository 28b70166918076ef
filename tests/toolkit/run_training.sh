#!/bin/bash
# Trains models in one release of BrainChip's toolkit and here, and compares every number.
# usage: run_training.sh training|anchored v18|v22
#        after scripts/setup-toolkit and ninja -C build-test
set -eu
cd "$(dirname "$0")/../.."
messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
".cache/toolkit/${2:?release}/bin/python" "tests/toolkit/${1:?training or anchored}.py" \
    tests/data build-test/tests/toolkit/train_steps ref dnnl 2>"$messages" && exit 0
tail -n 20 "$messages"
exit 1
