#!/usr/bin/env python3
"""Drives tests/bench/live.sh and measures what it asks: a proxy between the services and the simulator sees when
each call arrives.

usage: live.py SIM_PORT PORT_FILE USERS SECONDS

Writes the port of the proxy to PORT_FILE, waits for a line on standard input, links account live1 with chat 1 and
so on, lets each run live.sh, and prints the figures."""

import http.client
import http.server
import json
import re
import subprocess
import sys
import threading
import time

# Two seconds, less what the arrival at the proxy is uncertain by.
WINDOW_S = 1.99
FIRST_STRANGER = 100000


class Calls:
    """What was called, as (time, method, chat, message, text)."""

    def __init__(self):
        self.items = []
        self.changed = threading.Condition()

    def add(self, item):
        with self.changed:
            self.items.append(item)
            self.changed.notify_all()

    def first(self, chat, pattern, timeout_s=60):
        """When a text with the pattern was first sent to the chat, and the match; None: never."""
        end, seen = time.time() + timeout_s, 0
        with self.changed:
            while True:
                for when, _, to, _, text in self.items[seen:]:
                    match = to == chat and re.search(pattern, text)
                    if match:
                        return when, match
                seen = len(self.items)
                if not self.changed.wait(max(0, end - time.time())):
                    return None


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    calls = None
    sim_port = 0

    def forward(self):
        when = time.time()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = getattr(self.server.own, "connection", None)
        if connection is None:
            connection = self.server.own.connection = http.client.HTTPConnection("127.0.0.1", self.sim_port)
        connection.request(self.command, self.path, body, {"Content-Type": self.headers.get("Content-Type", "")})
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.note(when, body, data)

    do_GET = do_POST = forward

    def note(self, when, body, data):
        method = self.path.rsplit("/", 1)[-1]
        if method in ("getUpdates", "getMe"):
            return
        try:
            asked, result = json.loads(body), json.loads(data).get("result")
        except ValueError:
            return
        message = asked.get("message_id") or (result.get("message_id") if isinstance(result, dict) else None)
        self.calls.add((when, method, asked.get("chat_id"), message, asked.get("text") or ""))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    own = threading.local()


def say(port, chat, text):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/sim/message", json.dumps({"chat_id": chat, "text": text, "username": f"u{chat}"}),
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


def chat_texts(port, chat):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/sim/chat?id={chat}")
    messages = json.loads(connection.getresponse().read())["messages"]
    connection.close()
    return [m.get("text", "") for m in messages if m["from"] == "bot" and not m["deleted"]]


def link(port, calls, chat):
    say(port, chat, "/start")
    found = calls.first(chat, r"\b[0-9]{6}\b")
    assert found, f"chat {chat} got no code"
    subprocess.run(["setpriv", "--reuid", f"live{chat}", "--regid", f"live{chat}", "--init-groups", "tg-link", "verify",
                    found[1][0]], check=True, stdout=subprocess.DEVNULL)


def start_strangers(port, calls, end):
    """Each second somebody else writes /start; returns how long each waited for the code."""
    waits, chat = [], FIRST_STRANGER
    while time.time() < end:
        chat += 1
        began = time.time()
        say(port, chat, "/start")
        found = calls.first(chat, r"\b[0-9]{6}\b", 30)
        waits.append((found[0] if found else began + 30) - began)
        time.sleep(max(0, 1 - (time.time() - began)))
    return waits


def most_in_window(times):
    return max((sum(1 for t in times[i:] if t - first < WINDOW_S) for i, first in enumerate(times)), default=0)


def edits_by_message(calls, users):
    edits = {}
    for when, method, chat, message, _ in calls.items:
        if method == "editMessageText" and chat in users:
            edits.setdefault((chat, message), []).append(when)
    return edits


def main():
    port, users, seconds = int(sys.argv[1]), range(1, int(sys.argv[3]) + 1), int(sys.argv[4])
    Proxy.calls, Proxy.sim_port = calls, _ = Calls(), port
    server = Server(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write(str(server.server_address[1]))
    sys.stdin.readline()
    for chat in users:
        link(port, calls, chat)
    for chat in users:
        say(port, chat, "/run live.sh")
    waits = start_strangers(port, calls, time.time() + seconds)
    ends = [calls.first(chat, r"end ([0-9]+\.[0-9]+)", 120) for chat in users]
    shown = [calls.first(chat, r"exit status", 120) for chat in users]
    # What is edited after that is counted, too.
    time.sleep(6)
    late = [last[0] - float(end[1][1]) if end and last else float("inf") for end, last in zip(ends, shown)]
    broken = []
    for chat in users:
        numbers = [int(n) for text in chat_texts(port, chat) for n in re.findall(r"^line ([0-9]+) of", text, re.M)]
        if numbers != list(range(1, 10 * seconds + 1)):
            broken.append((chat, len(numbers)))
    edits = edits_by_message(calls, users)
    pauses = [b - a for times in edits.values() for a, b in zip(times, times[1:])]
    print(f"{len(users)} scripts of {seconds} s: {len(edits)} messages were edited {sum(map(len, edits.values()))} times; "
          f"most edits of one within {WINDOW_S} s: {max(map(most_in_window, edits.values()), default=0)}; "
          f"shortest pause {min(pauses, default=0):.3f} s, longest {max(pauses, default=0):.1f} s")
    print(f"chats with lost or disordered lines: {len(broken)} {broken[:5] or ''}")
    print(f"the end was shown after {sorted(late)[len(late) // 2]:.2f} s (median), {max(late):.2f} s (at most)")
    print(f"/start of {len(waits)} others was answered in {sorted(waits)[len(waits) // 2] * 1000:.0f} ms (median), "
          f"{max(waits) * 1000:.0f} ms (at most)")
    return 1 if broken else 0


sys.exit(main())
