#!/usr/bin/env python3
"""What people call themselves and write, in ways that would mean something to a program. See generated.bats.

    names.py CONFIG CONFIG_OF_ANOTHER_STORE ECHO_CONFIG ECHO_SOCKET USER
"""
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler

NAMES = (
    "<b>bold</b> &amp; <a href=\"tg://user?id=1\">x</a>", "</code><script>", "*bold* _it_ `code` [x](http://x) ~s~ ||p||",
    "`", "```\nrun\n```", "\\", "\"", "'", "\", \"calls\": [], \"x\": \"", "{user}{code}{chat}{id}", "%s%n%d%%", "$(id)`id`;id|id",
    "two\nlines\r\nand\ttabs", "\u202egnp.exe", "\u2066\u2067\u2068\u200f\u200e\u061c", "\U0001f600", "\U0001f468\u200d\U0001f469" * 40,
    "e\u0301\u0301\u0301", "\ufeff", "\u2028\u2029", "\x1b[31mred\x1b[0m", "\x01\x08\x7f\x9b", "\ufffd", "\U0010ffff",
    "x" * 10240, "\U0001f600" * 2560, "\u202e" * 3000, "@all", "#tag", "https://example.org/?a=b&c=d", "-1", "null", "root",
)


def updates(text):
    """The same by everybody, for each part of an update that a person writes."""
    for number, word in enumerate(text):
        user = {"id": 1000 + number, "is_bot": False, "first_name": word, "last_name": word, "username": word}
        private = {"id": 1000 + number, "type": "private", "first_name": word, "last_name": word, "username": word}
        group = {"id": -1000 - number, "type": "supergroup", "title": word, "username": word}
        for chat in private, group:
            for written in ("/start", "/whoami", "/help", "/start " + word, "/nosuch " + word, "/link " + word, "/run " + word, "." + word):
                yield {"message": {"message_id": 1, "date": 1, "from": user, "chat": chat, "text": written, "author_signature": word}}
            yield {"edited_message": {"message_id": 1, "date": 1, "from": user, "chat": chat, "text": "." + word}}
            yield {"message": {"message_id": 1, "date": 1, "from": user, "chat": chat, "caption": word, "document": {"file_name": word}}}
            yield {"callback_query": {"id": "1%d" % number, "from": user, "chat_instance": word, "data": "." + word,
                                      "message": {"message_id": 1, "date": 1, "chat": chat}}}
            yield {"my_chat_member": {"chat": chat, "from": user, "date": 1, "new_chat_member": {"status": "member", "user": user}}}


def lines_of(made):
    return "".join(json.dumps({"update_id": number} | update) + "\n" for number, update in enumerate(made, 1))


def dispatch(lines, *options):
    done = subprocess.run(["tg-dispatch", *options], input=lines, capture_output=True, text=True, check=True, timeout=100)
    return done.stdout, done.stderr


def without_chance(text):
    return re.sub(r'"(time|latency_ms)":("[^"]*"|\d+)', "", re.sub(r"\b\d{6}\b", "CODE", text))


def visible(text):
    """Without what Telegram itself takes out of a text, and what a terminal obeys."""
    return re.sub("\x1b\\[[0-9;]*m|[\\s\x00-\x1f\x7f-\x9f\u200c\u200e\u200f\u202a-\u202e]", "", text)


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps({"type": "text", "content": body["message"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass

    def address_string(self):
        return ""


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 200


def nothing_changes(config, other):
    calls, log = map(without_chance, dispatch(lines_of(updates(NAMES)), "-c", config))
    plain_calls, plain_log = map(without_chance, dispatch(lines_of(updates(["plain"] * len(NAMES))), "-c", other))
    for line, plain in zip(calls.splitlines(), plain_calls.splitlines(), strict=True):
        assert line == plain, "%r\nis not %r" % (line[:500], plain[:500])
    log_lines = [line for line in log.splitlines() if "update is malformed" not in line]
    for line, plain in zip(log_lines, plain_log.splitlines(), strict=True):
        assert line.isascii() and line == plain, "%r\nis not %r" % (line[:500], plain[:500])
    print("%d updates" % len(calls.splitlines()))


def everything_appears(config, path, user):
    said = ["." + name[:4000] for name in NAMES]  # what a message can have
    with Server(path, Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = [{"message": {"message_id": 1, "date": 1, "from": {"id": number, "is_bot": False, "first_name": text},
                             "chat": {"id": number, "type": "private"}, "text": text}} for number, text in enumerate(said, 1)]
        calls, _ = dispatch(lines_of(made), "-c", config, "--no-store", "--as", user)
        server.shutdown()
    heard = {}
    for line in calls.splitlines():
        answer = json.loads(line)
        for call in answer.get("calls", [answer]):
            if call["method"] == "sendMessage":
                assert set(call) <= {"method", "chat_id", "text"}, call
                heard[call["chat_id"]] = heard.get(call["chat_id"], "") + call["text"]
    for number, text in enumerate(said, 1):
        assert visible(heard.get(number, "")) == visible(text), "%r\nis not %r" % (heard.get(number, "")[:300], text[:300])
    print("%d texts" % len(said))


def main():
    config, other, echo, path, user = sys.argv[1:]
    nothing_changes(config, other)
    everything_appears(echo, path, user)


if __name__ == "__main__":
    assert os.path.exists(sys.argv[1])
    main()
