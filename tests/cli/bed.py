"""What the tests share that start tg-sendd and a simulator of their own many times, in python because they
talk on several connections at once: see faults.py, power.py."""
import collections
import hashlib
import http.client
import json
import os
import random
import socket
import struct
import subprocess
import time
import zlib

TOKEN = "123456:TEST-TOKEN-for-the-simulator-0000000"
CONFIG = """\
telegram: {{token_file: {dir}/token, api_url: "{api_url}"}}
store: {{path: {dir}/store, map_size: 64M}}
socket: {{path: {dir}/sock, group: "", mode: "0600"}}
access: {{groups: [], operators: [{user}]}}
delivery: {{overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, user_quota: 100000}}
log: {{format: text, level: debug}}
"""


def picture(seed, size):
    """A PNG of about so many bytes that no other seed has."""
    noise = random.Random(seed).randbytes(size)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", noise) + chunk(b"IEND", b""))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Sim:
    """A simulator of its own."""

    def __init__(self, bin_dir, directory):
        port_file = directory + "/port"
        self.process = subprocess.Popen([bin_dir + "/tg-sim", "--port-file", port_file], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        wait_for("the simulator", lambda: os.path.exists(port_file) and os.path.getsize(port_file) > 0)
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())
        self.url = f"http://127.0.0.1:{self.port}"
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def __call__(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body),
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"simulator: {path}: {text}")
        return json.loads(text)

    def shown(self, chats):
        """How often the bot said what: a text, or (caption, digest of the file)."""
        counts = collections.Counter()
        for chat in chats:
            for message in self("GET", f"/sim/chat?id={chat}")["messages"]:
                if message["from"] != "bot":
                    continue
                file = message.get("photo") or message.get("document")
                counts[(message.get("caption", ""), file["sha256"]) if file else message["text"]] += 1
        return counts

    def end(self):
        self.process.terminate()
        self.process.wait()


class Client(http.client.HTTPConnection):
    """One connection to tg-sendd."""

    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, method, path, body=None, headers=None):
        self.request(method, path, body, headers or {})
        return self.take()

    def take(self):
        answer = self.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else text


def write_config(directory, api_url, user):
    with open(directory + "/token", "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(TOKEN + "\n")
    with open(directory + "/tgtools.yaml", "w", encoding="ascii") as file:
        file.write(CONFIG.format(dir=directory, api_url=api_url, user=user))
    return directory + "/tgtools.yaml"
