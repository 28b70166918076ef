"""Prints the command section of c2s-shell.1 from the program's own help, which is its command table;
or the page c2s-rules.7, from its rule table.
usage: man_commands.py PROGRAM [rules]"""
import json
import subprocess
import sys


def ask(*words):
    run = subprocess.run([sys.argv[1], "help", *words, "--json"], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def roff(text):
    """Plain text as roff: no escapes, no requests at the beginning of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("'", "\\(aq")
    text = text.replace("~", "\\(ti").replace("^", "\\(ha").replace("`", "\\(ga")
    return "\n".join("\\&" + line if line.startswith((".", "\\(aq")) else line for line in text.split("\n"))


def sentence(text):
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def show(command):
    print(f".TP\n.B {roff(command['synopsis'])}")
    print(roff(sentence(command["summary"])))
    if command["details"]:
        print(roff(command["details"]))
    if command["alias"]:
        print(f"Also\n.BR {roff(command['alias'])} .")
    print(".RS")
    for argument in command.get("arguments", []):
        print(f".TP\n.I {roff(argument['name'])}\n{roff(argument['help'])}")
    print(".PP\nExamples:\n.PP\n.nf\n.RS")
    print(roff(command["example"]))
    print(".RE\n.fi")
    if command["see"]:
        print(f".PP\nSee also {roff(command['see'])}.")
    print(".RE")


def show_commands():
    print('.\\" begin commands')
    group = None
    for row in ask():
        if row["group"] != group:
            group = row["group"]
            print(f".SS {group.capitalize()}")
        show(ask(row["command"]))
    print('.\\" end commands')


HEAD = """.\\" made by scripts/update-manual from the rule table: do not edit
.TH C2S-RULES 7 2026-11-24 "c2s-shell 0.1.0" "c2s-shell manual"
.SH NAME
c2s-rules \\- rules that a model must keep to get onto an Akida 1.0 chip
.SH DESCRIPTION
These are the rules of the command
.B check
in
.BR c2s\\-shell (1).
An id begins with E for an error, W for a warning, N for a note, and never changes its meaning.
The level says how far a model that breaks the rule does not get:
.B keras
(it cannot be quantized),
.B akida
(it does not convert to Akida, or not run in its software),
.B akd1000
(it does not map on the chip)."""


def show_rules():
    print(HEAD)
    level = None
    for rule in sorted(ask("rules"), key=lambda rule: ["keras", "akida", "akd1000"].index(rule["level"])):
        if rule["level"] != level:
            level = rule["level"]
            print(f".SH RULES OF LEVEL {level.upper()}")
        print(f".TP\n.B {roff(rule['rule'])}\n{roff(sentence(rule['title']))}\n.RS\n.PP")
        print(roff(sentence(rule["reason"])))
        print(f".PP\n.I What to do:\n{roff(sentence(rule['remedy']))}")
        if rule["fix"]:
            option = "" if rule["fix"] == "exact" else " --approximate"
            print(f".PP\n.B {roff('fix ' + rule['rule'] + option)}\ntries to rewrite it.")
        print(f".PP\n.I Source:\n{roff(rule['source'])}.\n.RE")
    print(".SH SEE ALSO\n.BR c2s\\-shell (1)")


if sys.argv[2:] == ["rules"]:
    show_rules()
else:
    show_commands()
