#!/usr/bin/env python3
"""Kills runs of notify-runner at random moments while tg-sendd goes away and comes back, runs the same scripts
once more to the end, and checks that each of their messages is there once. See killed.bats.

    killed.py BIN DIR CONFIG SIM_URL KILLS SEED
"""
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request

BIN, DIR, CONFIG, SIM_URL = sys.argv[1:5]
KILLS, SEED = int(sys.argv[5]), int(sys.argv[6])
HOMES = 5
SCRIPTS = 3  # of one round; the first brings a file
OWN_CHAT = 1
END_S = 60

ending = threading.Event()
# A process that another thread starts has a script open for a moment, and what is open for writing cannot run.
starting = threading.Lock()
problems = []
counts = collections.Counter()


def sim(path):
    with urllib.request.urlopen(SIM_URL + path, timeout=60) as answer:
        return json.load(answer)


def health():
    out = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", DIR + "/sock", "http://x/health"],
                         stdout=subprocess.PIPE, check=False).stdout
    return json.loads(out) if out else None


def start_sendd():
    with starting, open(DIR + "/tg-sendd.log", "ab") as log:
        return subprocess.Popen([BIN + "/tg-sendd", "-c", CONFIG], stderr=log, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL)


def keep_sendd(chance):
    """There and away in turn, mostly for less than tg-send waits for it, at times for longer."""
    while not ending.is_set():
        process = start_sendd()
        ending.wait(chance.uniform(0.05, 0.6))
        process.send_signal(signal.SIGTERM)
        if process.wait() not in (0, -signal.SIGTERM):  # the latter where it had not started yet
            problems.append(f"tg-sendd ended with {process.returncode}")
        counts["restarts"] += 1
        ending.wait(chance.choice([0, 0, 0.1, 0.3, 2.5]))


class Home:
    def __init__(self, number):
        self.number = number
        self.path = f"{DIR}/home{number}"
        self.scripts = self.path + "/user/notifications"
        self.promised = []
        os.makedirs(self.scripts, mode=0o755)

    def put_scripts(self, count):
        names = [f"h{self.number}-r{count}-s{i}" for i in range(SCRIPTS)]
        for i, name in enumerate(names):
            report = {"notify": True, "message": f"[{name}]", "cooldown": "1d"}
            if i == 0:
                report["document_path"] = name + ".txt"
            # A script of the run that was killed may still be at it when the next run reads the file.
            with starting, open(f"{self.scripts}/{name}", "w", encoding="ascii") as file:
                file.write(f"#!/bin/sh\necho {name} >{name}.$$\nmv {name}.$$ {name}.txt\n"
                           f"echo '{json.dumps(report)}'\n")
            os.chmod(f"{self.scripts}/{name}", 0o755)
        return names

    def start(self, errors=subprocess.DEVNULL):
        with starting:
            return subprocess.Popen([BIN + "/notify-runner", "-c", CONFIG, "--home", self.path],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, text=True)

    def log_of(self, name):
        with open(self.path + "/.notifications/logs/runner.log", encoding="utf-8") as file:
            return [line.rstrip() for line in file if name in line]

    def run_to_the_end(self):
        """Who was killed may have the lock for another moment, in a process that is about to let go of it."""
        while True:
            process = self.start(subprocess.PIPE)
            errors = process.communicate()[1]
            if "already running" not in errors:
                return process.returncode
            counts["locked"] += 1
            time.sleep(0.02)

    def round(self, count, chance, longest_s):
        """Returns whether it was killed, and how long a run takes that is not."""
        names = self.put_scripts(count)
        process = self.start()
        time.sleep(chance.uniform(0, longest_s))
        process.send_signal(signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
        counts["kills" if killed else "too late"] += 1
        started = time.monotonic()
        code = self.run_to_the_end()
        if code not in (0, 75):
            problems.append(f"notify-runner {self.number} ended with {code}")
        counts["kept"] += code == 75
        self.promised += names
        for name in names:
            os.unlink(f"{self.scripts}/{name}")
        return killed, min(time.monotonic() - started, 0.2)

    def rounds(self, chance):
        longest_s, kills, count = 0.1, 0, 0
        while kills < KILLS // HOMES:
            killed, longest_s = self.round(count, chance, longest_s)
            kills += killed
            count += 1


def shown():
    messages = sim(f"/sim/chat?id={OWN_CHAT}")["messages"]
    return [message.get("text") or message.get("caption") or "" for message in messages if message["from"] == "bot"]


def wait_for(what, condition):
    end = time.monotonic() + END_S
    while not condition():
        if time.monotonic() > end:
            problems.append(f"not within {END_S} s: {what}")
            return
        time.sleep(0.05)


def couriers():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if b"--messages" in words and CONFIG.encode() in words:
            found.append(pid)
    return found


def check(homes):
    got = collections.Counter(text for text in shown() if text.startswith("["))
    promised = [f"[{name}]" for home in homes for name in home.promised]
    lost = [text for text in promised if got[text] == 0]
    twice = [text for text in promised if got[text] > 1]
    if lost:
        problems.append(f"{len(lost)} lost, such as {lost[:3]}")
        for home in homes:
            problems.extend(home.log_of(lost[0].strip("[]")))
    if twice:
        problems.append(f"{len(twice)} came twice, such as {twice[:3]}")
    for home in homes:
        if os.listdir(home.path + "/.notifications/spool"):
            problems.append(f"the spool of {home.number} is not empty")
    return len(promised)


def main():
    homes = [Home(number) for number in range(HOMES)]
    keeper = threading.Thread(target=keep_sendd, args=(random.Random(SEED),), daemon=True)
    threads = [threading.Thread(target=home.rounds, args=(random.Random(f"{SEED}-{home.number}"),), daemon=True)
               for home in homes]
    for thread in [keeper, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    ending.set()
    keeper.join()
    sendd = start_sendd()
    wait_for("tg-sendd is there", lambda: health() is not None)
    for home in homes:  # what is in the spool goes out
        if home.run_to_the_end() != 0:
            problems.append(f"the last run of notify-runner {home.number} failed")
    wait_for("everything delivered", lambda: (health() or {}).get("queued") == 0)
    wait_for("no courier is left", lambda: not couriers())
    messages = check(homes)
    sendd.terminate()
    sendd.wait()
    print(f"{messages} messages, {dict(counts)}, seed {SEED}")
    for problem in problems:
        print("PROBLEM:", problem)
    return 1 if problems else 0


sys.exit(main())
