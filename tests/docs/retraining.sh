#!/bin/bash
# Runs README.md's lines on quantizing with training, on all 60,000 images, and compares the
# accuracies with those of its table. Takes some minutes; the limits in the lines are the promise.
# usage: retraining.sh PROGRAM SOURCE_ROOT
set -eu -o pipefail
program=$(realpath "${1:?program}")
cd "${2:?source root}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2016
sed -n '/^```c2s retraining$/,/^```$/{/^```/d;p}' README.md >"$dir/lines.c2s"
[ "$(grep -c auto-quantize "$dir/lines.c2s")" -eq 3 ] || { echo "README.md's lines are not there"; exit 1; }
"$program" -w "$dir/workspace.c2s" -x "$dir/lines.c2s" >"$dir/out" 2>"$dir/err" || {
    cat "$dir/out" "$dir/err"
    exit 1
}
# Accuracies of the table: "| 4, 4 | 91.09 | 90.5 | 92.1 | 92.1 |" as "4 4 92.1 92.1".
python3 - "$dir/workspace.c2s" "$program" <<'END'
import json, re, subprocess, sys

workspace, program = sys.argv[1:]
rows = json.loads(subprocess.run([program, "-w", workspace, "log", "--json"], check=True,
                                 capture_output=True, text=True).stdout)
measured = [r for r in rows if r["chip_accuracy"] is not None]
told = re.findall(r"^\| (\d), (\d) \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \| ([\d.]+) \|$",
                  open("README.md").read(), re.M)
assert len(told) == 3 and len(measured) == 3, (told, measured)
measured.sort(key=lambda r: int(r["version"][1:]))
for (weights, activations, _, trained, chip), row in zip(told, measured):
    got = 100 * row["accuracy"], 100 * row["chip_accuracy"]
    print(f"weights {weights}, activations {activations}: {got[0]:.2f} %, on the chip {got[1]:.2f} %")
    # Another processor sums in another order, and a training follows every bit: half a point.
    assert abs(got[0] - float(trained)) < 0.5 and abs(got[1] - float(chip)) < 0.5, (told, got)
first = next(r for r in rows if r["version"] == "v1")
assert abs(100 * first["accuracy"] - float(told[0][2])) < 0.015, first
END
