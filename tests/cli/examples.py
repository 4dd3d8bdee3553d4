#!/usr/bin/env python3
"""Runs the examples of a manual against a tg-sendd and compares each answer with the one that is printed.

usage: examples.py PAGE SOCKET USER

An example is a literal block: commands behind "$ ", continued while a line ends in a backslash, in a pipe or
within quotes, each followed by its answer, which may be wrapped. Ids and names of files are told apart by
what the answers call them; other numbers, and white space, are not compared."""

import re
import subprocess
import sys

PAGE_SOCKET = "/run/tgtools/tgtools.sock"


def blocks(page):
    text = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", page, re.M | re.S)
    return [block.replace("\\e", "\\") for block in text if block.startswith("$ ")]


def is_complete(command):
    """Whether the shell would not read a further line."""
    stripped = re.sub(r"\\.", "", command)
    return not (command.endswith(("\\", "|")) or stripped.count("'") % 2)


def examples(block):
    """Pairs of command and answer."""
    result, lines = [], block.splitlines()
    while lines:
        command = lines.pop(0)[2:]
        while not is_complete(command):
            command += "\n" + lines.pop(0)
        answer = []
        while lines and not lines[0].startswith("$ "):
            answer.append(lines.pop(0).strip())
        result.append((command, "".join(answer)))
    return result


def names(answer):
    return re.findall(r'"(?:id|file)":"?(\w+)', answer)


def plain(answer):
    """What is compared of an answer."""
    answer = re.sub(r"\b[0-9a-f]{32}\b", "HEX", answer)
    answer = re.sub(r"(tgk_[\w-]{43}|(?<=start=)[\w-]{32})", "BASE64", answer).replace("tgk_BASE64", "BASE64")
    return re.sub(r"\s", "", re.sub(r"\d+", "N", answer))


def main():
    page, socket, user = sys.argv[1:]
    known, count = {}, 0
    for block in blocks(open(page, encoding="utf-8").read()):
        for command, expected in examples(block):
            command = command.replace(PAGE_SOCKET, socket)
            command = re.sub(r'(/queue/|before=|"file":")(\w+)',
                             lambda match: match[1] + known.get(match[2], match[2]), command)
            done = subprocess.run(["bash", "-c", "set -o pipefail\n" + command], stdout=subprocess.PIPE, text=True)
            answer = re.sub(r'"(user|username)":"%s"' % user, r'"\1":"alice"', done.stdout.replace("tgtools_sim_bot", "your_bot")).replace("'%s'" % user, "'alice'")
            if done.returncode != 0 or plain(answer) != plain(expected):
                sys.exit(f"{command}\nsays (exit code {done.returncode}):\n{answer}\nnot:\n{expected}")
            known.update(zip(names(expected), names(answer)))
            count += 1
    print(count)


if __name__ == "__main__":
    main()
