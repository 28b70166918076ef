"""Prints the command section of c2s-shell.1 from the program's own help, which is its command table.
usage: man_commands.py PROGRAM"""
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


print('.\\" begin commands')
group = None
for row in ask():
    if row["group"] != group:
        group = row["group"]
        print(f".SS {group.capitalize()}")
    show(ask(row["command"]))
print('.\\" end commands')
