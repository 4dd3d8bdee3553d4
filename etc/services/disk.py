#!/usr/bin/env python3
"""Answers /disk and its buttons, see tgtools-service(7)."""
import http.server
import json
import shutil
import sys

DISKS = {"system": "/", "temporary": "/tmp"}


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    disable_nagle_algorithm = True  # and answer at once

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(length))
        name = asked.get("target") or asked.get("args") or "system"
        text = f"There is no disk called {name}."
        if name in DISKS:
            free = shutil.disk_usage(DISKS[name]).free / 2**30
            text = f"{free:.1f} GB are free on the {name} disk."
        row = [{"text": disk, "action": "DISK", "target": disk}
               for disk in DISKS]
        answer = {"type": "text", "content": text, "buttons": [row]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
address = ("127.0.0.1", port)
http.server.ThreadingHTTPServer(address, Service).serve_forever()
