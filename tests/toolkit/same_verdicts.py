#!/usr/bin/env python3
"""Compares answers of verdicts.py --short with the recorded ones.

Use: same_verdicts.py ANSWERS RECORDED"""
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        answers = {a.pop("name"): a for a in map(json.loads, file)}
    with open(sys.argv[2], encoding="utf-8") as file:
        recorded = json.load(file)
    wrong = [name for name in recorded if name not in answers]
    for name, answer in answers.items():
        expected = {key: text for key, text in recorded.get(name, {}).items()
                    if key != "check_quantized"}
        if answer != expected:
            print("%s: recorded %s, now %s" % (name, expected, answer))
            wrong.append(name)
    print("%d of %d models answered as recorded" % (len(recorded) - len(wrong), len(recorded)))
    return 1 if wrong or len(recorded) < 200 else 0


if __name__ == "__main__":
    sys.exit(main())
