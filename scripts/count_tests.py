"""Counts test programs in meson's testlog.json files: prints "PASSED FAILED". Whatever is not OK
counts as failed, skipped ones too."""
import json
import sys

passed = failed = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            if test["result"] == "OK":
                passed += 1
            else:
                failed += 1
                print(f"{test['result']}: {test['name']}", file=sys.stderr)
print(passed, failed)
