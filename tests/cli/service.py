#!/usr/bin/env python3
"""A service behind routes of the tests: service.py PORT_FILE. The path says what it does:

    /text/WORDS    says the words, with spaces for +
    /slow/MS       says "slow" after so long
    /hang          never answers
    /fail/STATUS   answers with that status and no JSON
    /once/STATUS   the same at the first request of an id, then says "at last"
    /close         closes the connection at the first request of an id, then says "at last"
    /raw/BODY      answers with that body as JSON, %-encoded
    /html          200 with a page
    /huge          answers with 3 MB of JSON
    /seen          all requests so far, [{"path", "id", "headers", "body"}], and over how many
                   connections they came
"""

import http.server
import json
import sys
import threading
import time
import urllib.parse

lock = threading.Lock()
seen = []
ids = set()
connections = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    noted = False

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, kind="application/json"):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def say(self, text):
        self.answer(json.dumps({"type": "text", "content": text}))

    def note(self):
        global connections
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request_id = self.headers.get("X-Request-Id")
        with lock:
            connections += not self.noted
            self.noted = True
            key = (self.path, request_id)
            first = key not in ids
            ids.add(key)
            seen.append({"path": self.path, "id": request_id, "headers": dict(self.headers.items()),
                         "body": json.loads(body) if body else None})
        return first

    def do_POST(self):
        _, what, *rest = urllib.parse.urlsplit(self.path).path.split("/", 2)
        rest = urllib.parse.unquote(rest[0]) if rest else ""
        if what == "seen":
            with lock:
                return self.answer(json.dumps({"requests": seen, "connections": connections}))
        first = self.note()
        if what == "slow":
            time.sleep(int(rest) / 1000)
            return self.say("slow")
        if what == "hang":
            self.connection.recv(1)
        if what == "hang" or (what == "close" and first):
            self.close_connection = True
            return None
        if what == "fail" or (what == "once" and first):
            return self.answer("no", int(rest), "text/plain")
        if what == "raw":
            return self.answer(rest)
        if what == "html":
            return self.answer("<p>Log in", kind="text/html")
        if what == "huge":
            return self.answer(json.dumps({"type": "text", "content": "x" * 3000000}))
        return self.say("at last" if what in ("once", "close") else rest.replace("+", " "))

    do_GET = do_POST


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w") as file:
    file.write(f"{server.server_address[1]}\n")
server.serve_forever()
