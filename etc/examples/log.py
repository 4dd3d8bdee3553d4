#!/usr/bin/env python3
"""A log: tells of new lines in which something has gone wrong, each line once.

A notification script, see notify-script(7). Set LOG and PATTERN, copy it to ~/user/notifications, and try it:
notify-runner --dry-run --only log.py. The first run only notes where the log ends. From the chat, /run log.py
shows what is in the whole file, and changes nothing.
"""

import collections
import json
import os
import re

LOG = "~/app.log"
PATTERN = re.compile(r"\b(error|critical|fatal|failed)\b", re.IGNORECASE)
SHOWN = 5        # of the matching lines, the last so many are shown
LONGEST = 200    # characters of each

# What a script has to remember is best kept in a file of its own. The working directory is the home, so this is
# ~/.cache/notify-log.json: how far the log has been read, and which file that was.
STATE = os.path.abspath(".cache/notify-log.json")


class Found:
    """How many lines match, and the last of them."""

    def __init__(self):
        self.count, self.last = 0, collections.deque(maxlen=SHOWN)

    def look(self, path, start):
        """Reads from there to the end; returns where the last whole line ends: one may just be written."""
        with open(path, "rb") as log:
            log.seek(start)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                start += len(line)
                text = line.decode(errors="replace").rstrip()
                if PATTERN.search(text):
                    self.count += 1
                    self.last.append(text[:LONGEST])
        return start


def load():
    try:
        with open(STATE, encoding="utf-8") as file:
            state = json.load(file)
        return int(state["inode"]), int(state["offset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None  # the first run, or a file that somebody has damaged


def save(inode, offset):
    """Under another name first: whoever is interrupted leaves the old file whole."""
    os.makedirs(os.path.dirname(STATE), exist_ok=True)
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        json.dump({"inode": inode, "offset": offset}, file)
    os.replace(STATE + ".new", STATE)


def inode_of(path):
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def read_new(path, found):
    """The lines since the last run, also where the log was rotated (LOG became LOG.1) or emptied meanwhile."""
    inode, offset = load()
    now = inode_of(path)
    if now is None:
        return  # just being rotated; the next run will see
    if inode is None:
        offset = os.path.getsize(path)
    elif inode != now:
        if inode_of(path + ".1") == inode:
            found.look(path + ".1", offset)
        offset = 0
    elif os.path.getsize(path) < offset:
        offset = 0
    save(now, found.look(path, offset))


def report(found, path, asked):
    if found.count == 0 and not asked:
        return {"notify": False}
    if found.count == 0:
        text = "No line matches." if inode_of(path) else "There is no such file."
    else:
        # Between two lines of ``` everything is shown as it is, but for ``` itself.
        lines = "\n".join(found.last).replace("```", "'''")
        text = f"{found.count} of its lines match" if asked else f"{found.count} new lines match"
        text += f", the last {len(found.last)}:" if found.count > len(found.last) else ":"
        text += f"\n```\n{lines}\n```"
    # Each line is told but once, so nothing may be held back by a cooldown.
    return {"notify": True, "title": f"{LOG} on {os.uname().nodename}", "message": text, "cooldown": "0s"}


# NOTIFY_MANUAL is 1 where somebody asked for it, who wants an answer also if all is well.
asked = os.environ.get("NOTIFY_MANUAL") == "1"
path = os.path.expanduser(LOG)
found = Found()
if not asked:
    read_new(path, found)
elif os.path.exists(path):
    found.look(path, 0)
print(json.dumps(report(found, path, asked)))
