#!/usr/bin/env python3
"""Cuts the power, and kills tg-sendd, at many moments, and checks that every message answered 200 is there
afterwards. See power.bats.

    power.py cut BIN DIR STORE IMAGES SEED     STORE: a store with a link of this account to chat 1
    power.py cut BIN DIR "" IMAGES SEED        the same with a store that is made meanwhile
    power.py kill BIN DIR KILLS SEED

cut records with strace what tg-sendd writes, syncs and sends while clients submit. From the record it builds
what a disk may hold when the power fails at some moment: all that was synced before, and of the rest nothing,
everything, or any part of it, cut at sectors. On each such disk it starts tg-sendd again and lets it deliver.

With POWER_BLIND set, the syncs of that name are taken out of the record: the test must fail then.
"""
import collections
import getpass
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time

from bed import Client, Sim, digest, picture, wait_for, write_config

MODE, BIN, DIR = sys.argv[1:4]
BLIND = os.environ.get("POWER_BLIND", "").split()
SECTOR = 512
SYNC_FLAGS = re.compile(r"O_D?SYNC")
TRACED = ("openat,openat2,open,creat,close,lseek,write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range,fsync,"
          "fdatasync,ftruncate,fallocate,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,"
          "mmap,sendto,sendmsg,accept4")
NO_LEAKS = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
problems = []


# ---- the clients ----

class Clients:
    """Submit texts and pictures on several connections, each the next one as soon as it is answered."""

    def __init__(self, sock, linked, count, threads=4):
        self.sock, self.linked, self.count = sock, linked, count
        self.promised = {}  # id -> what arrives
        self.unanswered = set()
        self.lock = threading.Lock()
        self.number = 0
        self.threads = [threading.Thread(target=self.work, args=(n,)) for n in range(threads)]

    def next_number(self):
        with self.lock:
            self.number += 1
            return self.number if self.number <= self.count else None

    def request(self, number):
        """A request and what arrives for it, one for each id of its answer."""
        tag = f"message {number:05}"
        kind = number % 8
        if self.linked and kind == 1:
            data = picture(number, random.choice((300, 5000, 70000)))
            return (f"/send_photo?caption={tag.replace(' ', '%20')}", data, "image/png"), [(tag, digest(data))]
        if kind == 2:
            data = picture(number, 9000)
            path = f"{os.path.dirname(self.sock)}/{number}.png"
            with open(path, "wb") as file:
                file.write(data)
            body = {"method": "sendPhoto", "chat_id": 2, "photo": "file://" + path, "caption": tag}
            return ("/calls", json.dumps(body), "application/json"), [(tag, digest(data))]
        if kind == 3:
            texts = [f"{tag} {n}" for n in range(5)]
            body = "\n".join(json.dumps({"method": "sendMessage", "chat_id": 3, "text": text}) for text in texts)
            return ("/calls", body, "application/json"), texts
        if self.linked and kind == 6:
            return ("/send", json.dumps({"text": tag, "in": "1s"}), "application/json"), [tag]
        if self.linked and kind in (4, 5):
            return ("/send", json.dumps({"text": tag}), "application/json"), [tag]
        text = tag + " " + "x" * random.choice((1, 200, 3000))
        return ("/calls", json.dumps({"method": "sendMessage", "chat_id": 4, "text": text}), "application/json"), [text]

    def request_with_file(self, client, number):
        """The same with a file that was handed in before."""
        tag, data = f"message {number:05}", picture(number, 20000)
        status, answer = client.ask("POST", "/files?name=x.png", data, {"Content-Type": "application/octet-stream"})
        if status != 200:
            raise RuntimeError(f"/files: {status} {answer}")
        file = {"file": answer["file"], "name": "x.png", "kind": "photo"}
        return ("/send", json.dumps({"text": tag, "files": [file]}), "application/json"), [(tag, digest(data))]

    def submit(self, client, number):
        with_file = self.linked and number % 8 == 7
        (path, body, kind), arrives = self.request_with_file(client, number) if with_file else self.request(number)
        with self.lock:
            self.unanswered.update(arrives)
        status, answer = client.ask("POST", path, body, {"Content-Type": kind})
        if status == 503:
            return
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer}")
        ids = [answer["id"]] if "id" in answer else [n for result in answer["results"] for n in result["ids"]]
        with self.lock:
            self.promised.update(zip(ids, arrives))
            self.unanswered.difference_update(arrives)

    def work(self, _):
        client = Client(self.sock)
        while (number := self.next_number()) is not None:
            try:
                self.submit(client, number)
            except (OSError, http.client.HTTPException):
                client.close()
                time.sleep(0.005)
            except (RuntimeError, KeyError) as error:
                problems.append(str(error))

    def run(self):
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()


def waiting(sock):
    """How many messages are not delivered yet; None: it does not answer."""
    answer = health(sock)
    return answer["queued"] + answer["scheduled"] if answer else None


def health(sock):
    try:
        return Client(sock, 5).ask("GET", "/health")[1]
    except (OSError, http.client.HTTPException):
        return None


def make_chats(sim):
    for chat in (1, 2, 3, 4):
        sim("POST", "/sim/chat", {"chat_id": chat, "type": "private", "first_name": "A"})


def make_slot(name, more=""):
    directory = f"{DIR}/{name}"
    os.mkdir(directory)
    sim = Sim(BIN, directory)
    config = write_config(directory, sim.url, getpass.getuser())
    with open(config, encoding="utf-8") as file:
        text = file.read()
    with open(config, "w", encoding="utf-8") as file:
        file.write(text.replace("delivery: {", "delivery: {" + more))
    make_chats(sim)
    return directory, sim, config


# ---- the record ----

def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(.*)$")


def read_trace(path):
    """(call, arguments as text, its strings, result) of each call that succeeded."""
    with open(path, encoding="ascii") as file:
        for line in file:
            match = LINE.match(line)
            if match is None:
                if "unfinished" in line or "resumed" in line:
                    raise RuntimeError(f"two threads write: {line[:100]}")
                continue
            name, arguments, result, _ = match.groups()
            if result == "?" or result.startswith("-"):
                continue
            strings = STRING.findall(arguments)
            if any(cut for _, cut in strings):
                raise RuntimeError(f"cut short: {line[:100]}")
            yield name, STRING.sub('""', arguments), [unhex(text) for text, _ in strings], int(result, 0)


class Inode:
    def __init__(self, data=b""):
        self.base = data
        self.writes = []  # [sequence, durable at, offset, data or None for a truncation]


class Descriptor:
    def __init__(self, inode, path, synced, position=0):
        self.inode, self.path, self.synced, self.position = inode, path, synced, position


class Disk:
    """What the record says about everything below root: contents and names, and when each was synced."""

    NEVER = float("inf")

    def __init__(self, root):
        self.root = root
        self.names = {}  # now: path -> Inode, or None for a directory
        self.initial = {}
        self.changes = []  # [sequence, durable at, directory, path, Inode or None or "gone"]
        self.open = {}  # descriptor -> Descriptor
        self.mapped = []
        if os.path.isdir(root):
            self.load(root)
        self.initial = dict(self.names)

    def load(self, directory):
        self.names[directory] = None
        for entry in os.scandir(directory):
            if entry.is_dir():
                self.load(entry.path)
            else:
                with open(entry.path, "rb") as file:
                    self.names[entry.path] = Inode(file.read())

    def inside(self, path):
        return path == self.root or path.startswith(self.root + "/")

    def change(self, sequence, path, what):
        if what == "gone":
            self.names.pop(path, None)
        else:
            self.names[path] = what
        self.changes.append([sequence, self.NEVER, os.path.dirname(path), path, what])

    def write(self, sequence, fd, offset, data):
        file = self.open.get(fd)
        if file is None or file.inode is None:
            return
        if offset is None:
            offset = file.position
            file.position += len(data)
        file.inode.writes.append([sequence, sequence if file.synced else self.NEVER, offset, data])

    def sync(self, sequence, fd):
        file = self.open.get(fd)
        if file is None:
            return
        changed = file.inode.writes if file.inode else [c for c in self.changes if c[2] == file.path]
        for change in changed:
            change[1] = min(change[1], sequence)

    def opened(self, sequence, fd, path, flags):
        if path in (os.path.dirname(self.root), self.root) or "O_DIRECTORY" in flags:
            self.open[fd] = Descriptor(None, path, False)
            return
        if not self.inside(path):
            self.open[fd] = Descriptor(None, "source " + path, False)
            return
        if path not in self.names:
            self.change(sequence, path, Inode())
        inode = self.names[path]
        self.open[fd] = Descriptor(inode, path, SYNC_FLAGS.search(flags) is not None)
        if "O_TRUNC" in flags and inode is not None:
            inode.writes.append([sequence, self.NEVER, 0, None])

    def copied(self, sequence, fd, source, count):
        """sendfile: what came from a file that the test itself wrote and left."""
        file = self.open[source]
        with open(file.path.removeprefix("source "), "rb") as content:
            data = content.read()[file.position:file.position + count]
        file.position += count
        self.write(sequence, fd, None, data)

    def apply(self, sequence, name, arguments, strings, result):
        """One system call of the record."""
        numbers = [int(n) for n in re.findall(r"(?<![\w.])-?\d+(?![\w.])", arguments)]
        paths = [os.path.normpath(s.decode("utf-8", "replace")) for s in strings] if name in (
            "open", "openat", "openat2", "creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "unlink",
            "unlinkat", "rmdir") else []
        if name in BLIND:
            return
        if name in ("open", "openat", "openat2", "creat"):
            self.opened(sequence, result, paths[0], arguments)
        elif name == "close":
            self.open.pop(numbers[0], None)
        elif name == "lseek" and numbers[0] in self.open:
            self.open[numbers[0]].position = result
        elif name in ("write", "writev"):
            self.write(sequence, numbers[0], None, b"".join(strings)[:result])
        elif name in ("pwrite64", "pwritev", "pwritev2"):
            self.write(sequence, numbers[0], numbers[-1], b"".join(strings)[:result])
        elif name == "sendfile" and result > 0:
            self.copied(sequence, numbers[0], numbers[1], result)
        elif name in ("fsync", "fdatasync"):
            self.sync(sequence, numbers[0])
        elif name in ("mkdir", "mkdirat") and self.inside(paths[0]):
            self.change(sequence, paths[0], None)
        elif name.startswith("link") and self.inside(paths[1]):
            self.change(sequence, paths[1], self.names[paths[0]])
        elif name.startswith("rename") and self.inside(paths[1]):
            inode = self.names[paths[0]]
            self.change(sequence, paths[0], "gone")
            self.change(sequence, paths[1], inode)
        elif name in ("unlink", "unlinkat", "rmdir") and self.inside(paths[0]):
            self.change(sequence, paths[0], "gone")
        elif name == "mmap" and "MAP_SHARED" in arguments and "PROT_WRITE" in arguments:
            file = self.open.get(numbers[-2] if not arguments.rstrip().endswith("0x0") else numbers[-1])
            if file is not None and file.inode is not None and not file.path.endswith("lock.mdb"):
                problems.append(f"{file.path} is written through memory, which the record does not see")
        elif name in ("ftruncate", "fallocate", "copy_file_range") and self.open.get(numbers[0]) and \
                self.open[numbers[0]].inode and not self.open[numbers[0]].path.endswith("lock.mdb"):
            problems.append(f"{name} is not understood by this test")

    # ---- images ----

    @staticmethod
    def content(inode, at, keep):
        """The bytes of a file; keep says of each piece that was not synced whether it made it."""
        data = bytearray(inode.base)

        def put(offset, piece):
            if len(data) < offset + len(piece):
                data.extend(bytes(offset + len(piece) - len(data)))
            data[offset:offset + len(piece)] = piece
        for sequence, durable, offset, piece in inode.writes:
            if sequence > at:
                break
            if durable < at:
                put(offset, piece) if piece is not None else data.clear()
                continue
            if piece is None:
                if keep():
                    data.clear()
                continue
            for begin in range(0, len(piece), SECTOR):
                if keep():
                    put(offset + begin, piece[begin:begin + SECTOR])
        return bytes(data)

    def names_at(self, at, keep):
        names = dict(self.initial)
        stopped = set()
        for sequence, durable, directory, path, what in self.changes:
            if sequence > at:
                break
            if durable >= at:
                # A journal keeps the order within a directory.
                if directory in stopped or not keep():
                    stopped.add(directory)
                    continue
            if what == "gone":
                names.pop(path, None)
            else:
                names[path] = what
        return names

    def build(self, at, keep, target):
        """Writes what is left of root to target."""
        names = self.names_at(at, keep)
        for path in sorted(names):
            inode = names[path]
            place = target + path[len(self.root):]
            # The parent directory may have been lost itself.
            if not os.path.isdir(os.path.dirname(place)) or path.endswith("lock.mdb"):
                continue
            if inode is None:
                os.mkdir(place, 0o700)
            else:
                with open(place, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                    file.write(self.content(inode, at, keep))


class Record:
    """The disk, when which answers 200 left, and when which message went to Telegram."""

    def __init__(self, trace, root, promised):
        self.disk = Disk(root)
        self.trace = list(read_trace(trace))
        self.answers = []  # (sequence, ids)
        self.sent = collections.defaultdict(list)  # tag -> sequences
        self.promised = promised

    def replay(self):
        begun = {}  # descriptor -> where the request to Telegram that is being written on it began
        for sequence, (name, arguments, strings, result) in enumerate(self.trace):
            self.disk.apply(sequence, name, arguments, strings, result)
            if name not in ("sendto", "sendmsg"):
                continue
            fd, data = int(arguments.split(",")[0]), b"".join(strings)
            if data.startswith(b"HTTP/1.1 200"):
                ids = [int(n) for found in re.findall(rb'"ids?":\[?([\d,]+)', data) for n in found.split(b",")]
                self.answers.append((sequence, ids))
            if data.startswith(b"POST /bot"):
                begun[fd] = sequence
            for tag in re.findall(rb"message \d{5}(?: \d)?(?=[^\d])", data) if fd in begun else ():
                self.sent[tag.decode().strip()].append(begun[fd])

    def sends(self, arrives):
        """When a message went to Telegram."""
        text = arrives[0] if isinstance(arrives, tuple) else arrives
        return self.sent.get(text if re.fullmatch(r"message \d{5}( \d)?", text) else text[:13], [])


# ---- cut ----

def record(store, count):
    directory, sim, config = make_slot("record")
    if store:
        shutil.copytree(store, directory + "/store")
    disk_before = Disk(directory + "/store")
    process = subprocess.Popen(["strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-xx", "-s", "100000000",
                                "-o", directory + "/trace", "-e", "trace=" + TRACED,
                                BIN + "/tg-sendd", "-c", config], stdin=subprocess.DEVNULL,
                               stderr=open(directory + "/log", "ab"), env=NO_LEAKS)
    wait_for("tg-sendd", lambda: process.poll() is not None or health(directory + "/sock"))
    clients = Clients(directory + "/sock", bool(store), count)
    clients.run()
    wait_for("everything delivered", lambda: waiting(directory + "/sock") == 0)
    process.kill()
    process.wait()
    sim.end()
    time.sleep(0.2)  # strace writes its last lines
    found = Record(directory + "/trace", directory + "/store", clients.promised)
    found.disk = disk_before
    found.replay()
    return found


def moments(found, count):
    """Every answer and every request to Telegram, and some in between, as many as asked for."""
    answers = [sequence for sequence, ids in found.answers if ids]
    sends = sorted({sequence for sequences in found.sent.values() for sequence in sequences})
    picked = random.sample(answers, min(len(answers), count // 2))
    picked += random.sample(sends, min(len(sends), count // 4))
    while len(picked) < count:
        picked.append(random.randrange(len(found.trace)))
    return sorted(picked)


def check_image(found, at, shown, uncertain):
    """What is wrong after a power cut at that moment; uncertain: which messages are kept as that."""
    for sequence, ids in found.answers:
        if sequence > at:
            break
        for number in ids:
            arrives = found.promised.get(number)
            sends = found.sends(arrives) if arrives else []
            if arrives is None:
                continue
            if not any(sequence <= at for sequence in sends) and shown[arrives] + (number in uncertain) != 1:
                return f"message {number}, answered 200, is there {shown[arrives]} times"
            # at-most-once: that it was started must be on the disk before the first byte of it leaves.
            if len(sends) == 1 and sends[0] <= at and shown[arrives] != 0:
                return f"message {number}, which was sent before, is sent again"
    return None


def try_image(found, at, how, slot):
    directory, sim, config = slot
    keep = {"nothing": lambda: False, "everything": lambda: True,
            "a part": lambda: random.random() < 0.5, "most": lambda: random.random() < 0.9}[how]
    shutil.rmtree(directory + "/store", ignore_errors=True)
    found.disk.build(at, keep, directory + "/store")
    sim("POST", "/sim/reset")
    make_chats(sim)
    with open(directory + "/log", "wb") as log:
        process = subprocess.Popen([BIN + "/tg-sendd", "-c", config], stdin=subprocess.DEVNULL, stderr=log,
                                   env=NO_LEAKS)
    try:
        wait_for("everything delivered",
                 lambda: process.poll() is not None or waiting(directory + "/sock") == 0)
        if process.poll() is not None:
            with open(directory + "/log", encoding="utf-8") as log:
                return f"tg-sendd ends with {process.poll()}: {log.read()[-200:]}"
        queue = Client(directory + "/sock").ask("GET", "/queue?user=*&limit=1000")[1]["messages"]
        uncertain = {row["id"] for row in queue if row["state"] == "uncertain"}
        return check_image(found, at, sim.shown((1, 2, 3, 4)), uncertain)
    except TimeoutError as error:
        return str(error)
    finally:
        process.kill()
        process.wait()


def cut(store, count):
    found = record(store, 60 if store else 16)
    slots = [make_slot(f"image{n}", "policy: at-most-once, ") for n in range(3)]
    todo = collections.deque()
    for at in moments(found, count):
        todo.append((at, "nothing"))
        todo.append((at, random.choice(("everything", "a part", "a part", "most"))))
    tried = len(todo)

    def work(slot):
        while todo and len(problems) < (1 if BLIND else 5):
            at, how = todo.popleft()
            wrong = try_image(found, at, how, slot)
            if wrong:
                problems.append(f"the power fails at call {at} ({found.trace[at][0]}), {how} of what was not synced "
                                f"is written: {wrong}")
    threads = [threading.Thread(target=work, args=(slot,)) for slot in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, sim, _ in slots:
        sim.end()
    if not found.answers or not found.sent:
        problems.append("the record has no answers or no requests")
    print(f"{len(found.trace)} calls, {len(found.promised)} messages promised, {len(found.sent)} sent; "
          f"{tried - len(todo)} disks looked at")


# ---- kill ----

def kill(count):
    directory, sim, config = make_slot("kill")
    sim("POST", "/sim/fault", {"method": "*", "count": -1, "kind": "http", "status": 502})
    clients = Clients(directory + "/sock", False, 10 ** 9, threads=16)
    runner = threading.Thread(target=clients.run)
    runner.start()
    kills = 0
    while True:
        process = subprocess.Popen([BIN + "/tg-sendd", "-c", config], stdin=subprocess.DEVNULL, env=NO_LEAKS,
                                   stderr=open(directory + "/log", "ab"))
        if kills == count:
            break
        before = len(clients.promised)
        wait_for("answers", lambda: process.poll() is not None or len(clients.promised) > before)
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        process.wait()
        kills += 1
    clients.count = 0
    runner.join()
    sim("DELETE", "/sim/fault")
    try:
        wait_for("everything delivered", lambda: waiting(directory + "/sock") == 0, 60)
    except TimeoutError as error:
        problems.append(f"{error}: {health(directory + '/sock')}")
    process.terminate()
    process.wait()
    shown = sim.shown((1, 2, 3, 4))
    sim.end()
    lost = [arrives for arrives in clients.promised.values() if shown[arrives] == 0]
    twice = [arrives for arrives, times in shown.items() if times > 1]
    if lost:
        problems.append(f"{len(lost)} messages answered 200 and lost, such as {str(lost[0])[:40]}")
    if twice:
        problems.append(f"{len(twice)} messages came twice, such as {str(twice[0])[:40]}")
    print(f"{kills} kills, {len(clients.promised)} messages promised, {sum(shown.values())} arrived")


def main():
    seed = int(sys.argv[-1])
    random.seed(seed)
    begin = time.monotonic()
    if MODE == "cut":
        cut(sys.argv[4], int(sys.argv[5]))
    else:
        kill(int(sys.argv[4]))
    print(f"seed {seed}, {time.monotonic() - begin:.0f} s")
    for problem in problems:
        print("PROBLEM:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
