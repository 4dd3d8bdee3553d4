#!/usr/bin/env python3
"""Kills one program after the other with SIGKILL at random moments while people talk to the bot and
runners submit, and checks afterwards that nothing was lost and nothing came twice but what was on the
wire. See chaos.bats.

    chaos.py BIN DIR CONFIG SIM_URL KILLS SEED
"""
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

BIN, DIR, CONFIG, SIM_URL = sys.argv[1:5]
KILLS, SEED = int(sys.argv[5]), int(sys.argv[6])
CHATS = range(101, 121)
RUNNERS = range(1, 6)
OWN_CHAT = 1  # linked to the account that runs this
PIPELINE = ("tg-poll", "tg-dispatch", "tg-send")
END_S = 120

stopping = threading.Event()  # no new traffic
ending = threading.Event()  # no restarts
lock = threading.Lock()
processes = {}  # name -> Popen
killed = collections.Counter()
problems = []


def sim(method, path, body=None):
    request = urllib.request.Request(
        SIM_URL + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def api(path):
    out = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", DIR + "/sock", "http://x" + path],
                         stdout=subprocess.PIPE, check=False).stdout
    return json.loads(out) if out else None


def start(name, argv, **pipes):
    with open(f"{DIR}/{name}.log", "ab") as log:
        process = subprocess.Popen(argv, stderr=log, **pipes)
    with lock:
        processes[name] = process
    return process


def keep_sendd():
    while not ending.is_set():
        start("tg-sendd", [BIN + "/tg-sendd", "-c", CONFIG], stdin=subprocess.DEVNULL,
              stdout=subprocess.DEVNULL).wait()


def keep_pipeline():
    """As a service manager does it: all three together, and again when all three have ended."""
    while not ending.is_set():
        poll = start("tg-poll", [BIN + "/tg-poll", "-c", CONFIG], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        dispatch = start("tg-dispatch", [BIN + "/tg-dispatch", "-c", CONFIG], stdin=poll.stdout,
                         stdout=subprocess.PIPE)
        send = start("tg-send", [BIN + "/tg-send", "-c", CONFIG, "--json"], stdin=dispatch.stdout,
                     stdout=subprocess.DEVNULL)
        poll.stdout.close()
        dispatch.stdout.close()
        for part in (poll, dispatch, send):
            part.wait()


def run_once(number, count):
    """One run of a runner, whose script says a text of its own each time. Returns the exit code."""
    home = f"{DIR}/home{number}"
    with open(f"{home}/text", "w", encoding="ascii") as file:
        file.write(f"runner {number} report {count}")
    name = f"notify-runner-{number}"
    return start(name, [BIN + "/notify-runner", "-c", CONFIG, "--home", home], stdin=subprocess.DEVNULL,
                 stdout=subprocess.DEVNULL).wait()


def keep_runner(number, promised):
    count = 0
    while not stopping.is_set():
        count += 1
        code = run_once(number, count)
        if code in (0, 75):
            promised.add(f"runner {number} report {count}")
        elif code != -signal.SIGKILL:
            problems.append(f"notify-runner {number} ended with {code}")
        stopping.wait(0.05)


def make_home(number):
    scripts = f"{DIR}/home{number}/user/notifications"
    os.makedirs(scripts, mode=0o755)
    path = f"{scripts}/report{number}"
    with open(path, "w", encoding="ascii") as file:
        file.write('#!/bin/sh\nprintf \'{"notify":true,"message":"%s","cooldown":"0s"}\' "$(cat ~/text)"\n')
    os.chmod(path, 0o755)


def talk(asked):
    """Everybody says something about twice a second."""
    while not stopping.is_set():
        chat = random.choice(CHATS)
        asked[chat] += 1
        sim("POST", "/sim/message", {"chat_id": chat, "text": f"/whoami {asked[chat]}", "username": f"user{chat}"})
        stopping.wait(0.025)


def kill_one(name):
    with lock:
        process = processes.get(name)
    if process is None or process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    killed[re.sub(r"-\d+$", "", name)] += 1
    return True


def kill_many():
    names = ["tg-sendd", *PIPELINE, "notify-runner"]
    while sum(killed.values()) < KILLS:
        time.sleep(random.uniform(0, 0.3))
        name = random.choice(names)
        if name == "notify-runner":
            name += f"-{random.choice(RUNNERS)}"
        end = time.monotonic() + 30
        while not kill_one(name):
            time.sleep(0.002)
            if time.monotonic() > end:
                problems.append(f"{name} did not come back within 30 s")
                return


def shown(chat):
    messages = sim("GET", f"/sim/chat?id={chat}")["messages"]
    return [message.get("text", "") for message in messages if message["from"] == "bot"]


def wait_for(what, condition):
    end = time.monotonic() + END_S
    while not condition():
        if time.monotonic() > end:
            problems.append(f"not within {END_S} s: {what}; health: {api('/health')}")
            return
        time.sleep(0.1)


def all_quiet():
    health = api("/health")
    return health is not None and health["queued"] == 0 and health["updates_waiting"] == 0


def repeated_attempts():
    """How often a message was on the wire when tg-sendd died, by chat: so many may be there twice."""
    repeated = collections.Counter()
    with open(f"{DIR}/tg-sendd.log", encoding="utf-8") as log:
        for line in log:
            if "attempt repeated" in line:
                repeated[int(re.search(r"chat=(-?\d+)", line)[1])] += 1
    return repeated


def check_chats(asked, repeated):
    twice = 0
    for chat in CHATS:
        answers = len(shown(chat))
        if answers < asked[chat]:
            problems.append(f"chat {chat}: {asked[chat]} messages, {answers} answers")
        if answers - asked[chat] > repeated[chat]:
            problems.append(f"chat {chat}: {answers - asked[chat]} answers too many, {repeated[chat]} on the wire")
        twice += max(0, answers - asked[chat])
    return twice


def check_reports(promised, repeated):
    counts = collections.Counter(text for text in shown(OWN_CHAT) if text.startswith("runner "))
    twice = sum(count - 1 for count in counts.values())
    lost = [text for text in promised if counts[text] == 0]
    if lost:
        problems.append(f"{len(lost)} reports lost, such as {sorted(lost)[:3]}")
    if twice > repeated[OWN_CHAT]:
        problems.append(f"{twice} reports twice, {repeated[OWN_CHAT]} on the wire")
    return len(counts), twice


def main():
    random.seed(SEED)
    promised, asked = set(), collections.Counter()
    for number in RUNNERS:
        make_home(number)
    threads = [threading.Thread(target=target, args=args, daemon=True) for target, args in [
        (keep_sendd, ()), (keep_pipeline, ()), (talk, (asked,)), *((keep_runner, (n, promised)) for n in RUNNERS)]]
    for thread in threads:
        thread.start()
    kill_many()

    # No new traffic; the services go on until everything is where it belongs.
    stopping.set()
    for thread in threads[2:]:
        thread.join()
    for number in RUNNERS:  # what is in the spool goes out
        if run_once(number, 0) not in (0, 75):
            problems.append(f"the last run of notify-runner {number} failed")
    wait_for("every update confirmed", lambda: sim("GET", "/sim/stats")["updates_pending"] == 0)
    wait_for("everything handled and delivered", all_quiet)

    repeated = repeated_attempts()
    answers_twice = check_chats(asked, repeated)
    reports, reports_twice = check_reports(promised, repeated)
    ending.set()
    for name in ("tg-poll", "tg-sendd"):
        processes[name].terminate()
    for thread in threads[:2]:
        thread.join()
    print(f"{sum(killed.values())} kills: {dict(killed)}")
    print(f"{sum(asked.values())} messages of {len(CHATS)} chats answered, {answers_twice} twice; "
          f"{reports} reports delivered, {len(promised)} of them promised, {reports_twice} twice; "
          f"{sum(repeated.values())} were on the wire")
    for problem in problems:
        print("PROBLEM:", problem)
    return 1 if problems else 0


sys.exit(main())
