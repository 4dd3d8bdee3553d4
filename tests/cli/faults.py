#!/usr/bin/env python3
"""Lets the system calls of tg-sendd fail, each in turn, while it starts, accepts and delivers, and checks each
time that nothing accepted was lost, nothing crashed and nothing spun. See faults.bats.

    faults.py BIN DIR STORE COUNT SEED

STORE is a store with a link of this account to chat 1. COUNT is how many of the failures to try, picked at
random over all system calls, or "all".
"""
import collections
import concurrent.futures
import getpass
import http.client
import json
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import threading
import time

from bed import Client, Sim, cpu_seconds, digest, picture, wait_for, write_config

BIN, DIR, STORE = sys.argv[1:4]
COUNT, SEED = sys.argv[4], int(sys.argv[5])
SLOTS = int(os.environ.get("FAULTS_JOBS", "12"))
ASK_S = 15
CPU_S = 2.0 if "/san/" in BIN + "/" else 0.8

# Which failures are plausible. Memory is not among them: a program without memory ends, as documented.
DISK, NUMBER, DEVICE = ("ENOSPC", "EIO"), ("EMFILE",), ("EIO",)
ERRORS = {
    **dict.fromkeys(["write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range",
                     "msync", "ftruncate", "fallocate", "sendfile", "copy_file_range", "mkdir", "mkdirat", "rename",
                     "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"], DISK),
    **dict.fromkeys(["socket", "accept", "accept4", "dup", "dup2", "dup3", "epoll_create", "epoll_create1", "eventfd",
                     "eventfd2", "pipe", "pipe2", "signalfd4", "timerfd_create", "inotify_init1"], NUMBER),
    **dict.fromkeys(["open", "openat", "openat2", "creat"], ("EMFILE", "EIO", "ENOSPC")),
    **dict.fromkeys(["read", "readv", "pread64", "preadv", "recvfrom", "recvmsg", "sendto", "sendmsg", "unlink",
                     "unlinkat", "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "lseek",
                     "getdents64", "flock", "chmod", "fchmod", "chown", "connect", "bind", "listen", "access",
                     "faccessat2"], DEVICE),
    "epoll_ctl": ("ENOSPC",),
    "mmap": ("EMFILE",),
}
CREATING = re.compile(r"O_CREAT")

problems = []
lock = threading.Lock()


class Trouble(Exception):
    """What must not happen, found in one run."""


class Run:
    """One tg-sendd that works through the scenario, with failures or without."""

    def __init__(self, directory, sim, strace):
        self.dir, self.sim, self.strace = directory, sim, strace
        self.log = directory + "/log"
        self.sock = directory + "/sock"
        self.process = None
        self.restarts = 0
        self.cpu = 0.0
        self.expected = {}
        self.again = None
        self.refused = 0

    # ---- the process ----

    def start(self, prefix=()):
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "TZ": "UTC"}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*prefix, BIN + "/tg-sendd", "-c", self.dir + "/tgtools.yaml"],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                            env=environment)

    def check_alive(self):
        """Starts it again where it has ended, which it may do in the documented way only."""
        code = self.process.poll()
        if code is None:
            return
        with open(self.log, encoding="utf-8", errors="replace") as file:
            last = (file.read().splitlines() or [""])[-1]
        if code not in (69, 75, 78):
            raise Trouble(f"tg-sendd ended with {code}: {last}")
        if not re.match(r"tg-sendd: (?!debug|info|warning)|out of memory", last) and "write" not in str(self.strace):
            raise Trouble(f"tg-sendd ended with {code} without a word: {last}")
        self.restarts += 1
        if self.restarts > 1:
            raise Trouble(f"tg-sendd ended again, without a fault: {last}")
        self.start()

    def is_up(self):
        self.check_alive()
        try:
            return Client(self.sock, 5).ask("GET", "/health")[0] in (200, 503)
        except (OSError, http.client.HTTPException):
            return False

    # ---- what is asked ----

    def until_accepted(self, what, client, send, read):
        """Asks again until it is accepted, as a client does that must not lose it; the key makes it once."""
        end = time.monotonic() + ASK_S
        while time.monotonic() < end:
            self.check_alive()
            try:
                if send:
                    client.request(*send)
                status, answer = client.take()
                if status == 200:
                    return read(answer)
                if status not in (429, 503):
                    raise Trouble(f"{what}: {status} {answer}")
                self.refused += 1
            except TimeoutError as error:
                raise Trouble(f"{what}: no answer within {client.timeout} s") from error
            except (OSError, http.client.HTTPException):
                pass
            client.close()
            send = send or self.again
            time.sleep(0.02)
        raise Trouble(f"{what}: not accepted within {ASK_S} s")

    def ask(self, what, *requests):
        """Requests that are all sent before the first answer is read."""
        sent = []
        for client, request in requests:
            try:
                client.request(*request)
                sent.append(None)
            except (OSError, http.client.HTTPException):
                client.close()
                sent.append(request)
        for (client, request), send in zip(requests, sent):
            self.again = request
            self.until_accepted(what, client, send, self.check_answer)

    @staticmethod
    def check_answer(answer):
        if isinstance(answer, dict) and answer.get("results", True) and "error" not in answer:
            if all(result.get("ok") for result in answer.get("results", ())):
                return answer
        raise Trouble(f"answered 200 {answer}")

    def say(self, key, path, body, kind="application/json"):
        return ("POST", path, body, {"Content-Type": kind, "Idempotency-Key": key})

    def scenario(self):
        """Everything that is accepted and delivered: texts and pictures, in bodies and by path, several at
        once, one refused by Telegram at first."""
        first, second, third = (Client(self.sock) for _ in range(3))
        image, big = picture(1, 3000), picture(2, 60000)
        calls = "".join('{"method":"sendMessage","chat_id":2,"text":"call %d"}\n' % i for i in range(3))
        for key in ("call 0", "call 1", "call 2", "text 1", "text 2", "retried"):
            self.expected[key] = 1
        self.expected["by body", digest(big)] = 1
        self.expected["by path", digest(image)] = 1
        self.expected["by call", digest(image)] = 1
        with open(self.dir + "/own.png", "wb") as file:
            file.write(image)
        self.sim("POST", "/sim/fault", {"method": "sendMessage", "chat_id": 4, "count": 1, "kind": "retry_after",
                                        "seconds": 1})
        self.ask("calls and texts", (first, self.say("a", "/calls", calls)),
                 (second, self.say("b", "/send", '{"text":"text 1"}')),
                 (third, self.say("c", "/send", '{"text":"text 2"}')))
        self.ask("retried", (second, self.say("d", "/calls", '{"method":"sendMessage","chat_id":4,"text":"retried"}')))
        self.ask("pictures", (first, self.say("e", "/send_photo?caption=by%20body", big, "image/png")),
                 (second, self.say("f", "/send_photo", '{"photo_path":"%s/own.png","caption":"by path"}' % self.dir)))
        self.ask("picture call", (third, self.say("g", "/calls", '{"method":"sendPhoto","chat_id":3,"photo":'
                                                  '"file://%s/own.png","caption":"by call"}' % self.dir)))
        self.files_and_keys(first, second)
        self.ask("queue", (first, ("GET", "/queue?user=*", None, {})))

    def stage(self, client, data):
        """The name of a file that a message may carry."""
        self.again = ("POST", "/files?name=x", data, {"Content-Type": "application/octet-stream"})
        return self.until_accepted("files", client, self.again, self.check_answer)["file"]

    def files_and_keys(self, first, second):
        """A message with pictures and a document, one that replaces another, and one for later."""
        data = [picture(number, 2000) for number in (3, 4, 5)]
        files = [{"file": self.stage(first, part), "name": f"{kind}.png", "kind": kind}
                 for part, kind in zip(data, ("photo", "photo", "document"))]
        self.expected.update({("with files", digest(data[0])): 1, ("", digest(data[1])): 1, ("", digest(data[2])): 1})
        self.expected.update({"second state": 1, "later": 1})
        self.ask("files and keys", (first, self.say("h", "/send", json.dumps({"text": "with files", "files": files}))),
                 (second, self.say("i", "/send", '{"text":"first state","key":"state"}')))
        self.ask("replaced", (second, self.say("j", "/send", '{"text":"second state","key":"state"}')),
                 (first, self.say("k", "/send", '{"text":"later","in":"1s"}')))

    # ---- one run ----

    def is_delivered(self):
        self.check_alive()
        try:
            status, health = Client(self.sock, 5).ask("GET", "/health")
            return status == 200 and health["queued"] + health["scheduled"] == 0
        except (OSError, http.client.HTTPException):
            return False

    def repeats(self):
        """How often a message may have been on the wire twice (state M2)."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        return sum("attempt repeated" in line or ("message waits" in line and "code=429" not in line)
                   for line in lines)

    def check(self):
        shown = self.sim.shown((1, 2, 3, 4))
        lost = [what for what in self.expected if shown[what] == 0]
        if lost:
            raise Trouble(f"answered 200 and lost: {lost}")
        # The pictures of an album come and go together; the first has the caption.
        twice = sum(shown[what] - 1 for what in self.expected if what[0] != "")
        if twice > self.repeats():
            raise Trouble(f"{twice} too many, {self.repeats()} may have been on the wire twice: {shown}")
        return twice

    def finish(self):
        self.cpu = cpu_seconds(self.process.pid)
        if self.cpu > CPU_S:
            raise Trouble(f"{self.cpu} s of processor time: a busy loop?")
        self.process.terminate()
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired as error:
            raise Trouble("does not end on SIGTERM") from error
        # A failure may come as late as that.
        if code not in (0, 69, 75):
            raise Trouble(f"ended with {code} on SIGTERM")
        with open(self.log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        if re.search(r"Sanitizer|runtime error|Assertion|stack smashing", text):
            raise Trouble("a sanitizer or an assertion complains")

    def prepare(self):
        self.sim("POST", "/sim/reset")
        for chat in (1, 2, 3, 4):
            self.sim("POST", "/sim/chat", {"chat_id": chat, "type": "private", "first_name": "A"})
        for name in ("store", "log"):
            shutil.rmtree(f"{self.dir}/{name}", ignore_errors=True)
        for name in ("log", "sock", "trace"):
            if os.path.exists(f"{self.dir}/{name}"):
                os.unlink(f"{self.dir}/{name}")
        shutil.copytree(STORE, self.dir + "/store")

    def whole(self):
        self.prepare()
        self.start(self.strace)
        try:
            wait_for("tg-sendd", self.is_up)
            self.scenario()
            wait_for("everything delivered", self.is_delivered, 30)
            twice = self.check()
            self.finish()
            return twice
        except TimeoutError as error:
            raise Trouble(str(error)) from error
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


def tracer(trace, *more):
    return ["strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-o", trace, *more]


def record(slot):
    """The system calls of a run without failures, from the configuration on, as (name, number, line)."""
    run = Run(slot["dir"], slot["sim"], tracer(slot["dir"] + "/trace", "-e", "trace=" + ",".join(sorted(ERRORS))))
    run.whole()
    calls, counts, begun = [], collections.Counter(), False
    time.sleep(0.2)
    with open(slot["dir"] + "/trace", encoding="utf-8", errors="replace") as file:
        for line in file:
            match = re.match(r"\d+ +(\w+)\(", line)
            if match is None:
                continue
            name = match[1]
            counts[name] += 1
            begun = begun or "tgtools.yaml" in line and name != "execve"
            if begun:
                calls.append((name, counts[name], line.split(" ", 1)[1].strip()[:100]))
    return calls, run.cpu


def is_plausible(line, error):
    """Some failures come with some arguments only."""
    if "EPOLL_CTL_DEL" in line or "EPOLL_CTL_MOD" in line or "MAP_ANONYMOUS" in line:
        return False
    return error != "ENOSPC" or not re.search(r"\bopen(at2?)?\(", line) or CREATING.search(line) is not None


def failures(calls):
    """Every failure that can be tried: (name, when, error, what the call was)."""
    found = []
    for name, number, line in calls:
        for error in ERRORS[name]:
            if is_plausible(line, error):
                found.append((name, str(number), error, line))
    # A failure that lasts for some time, for each kind one.
    for name in sorted({name for name, _, _ in calls}):
        numbers = [number for other, number, _ in calls if other == name]
        for error in ERRORS[name]:
            if error == "ENOSPC" and name in ("open", "openat", "openat2"):
                continue
            middle = numbers[len(numbers) // 2]
            found.append((name, f"{middle}..{middle + 3}", error, "four times in a row"))
    return found


def sample(found, count):
    """So many of them, first some for each kind of call and error, then whatever comes."""
    random.shuffle(found)
    groups = collections.defaultdict(list)
    for failure in found:
        groups[failure[0], failure[2]].append(failure)
    picked = []
    while len(picked) < count and any(groups.values()):
        for group in sorted(groups):
            if groups[group] and len(picked) < count:
                picked.append(groups[group].pop())
    return picked


def blame(failure, run, trouble):
    """Notes what went wrong, unless the failure hit a call that cannot fail like this: which one it is
    differs a little from run to run. Returns whether there was a failure at all."""
    name, when, error, _ = failure
    with open(run.dir + "/trace", encoding="utf-8", errors="replace") as file:
        injected = [line.strip()[:160] for line in file if "(INJECTED)" in line]
    if trouble and all(is_plausible(line, error) for line in injected):
        with lock:
            problems.append(f"{name} number {when} fails with {error} ({(injected or ['never'])[0]}): {trouble}")
            keep = os.environ.get("FAULTS_KEEP")
            if keep:
                shutil.copy(run.log, f"{keep}/{len(problems)}.log")
    return len(injected) > 0


def try_failure(failure, slots):
    name, when, error, _ = failure
    slot = slots.get()
    run = Run(slot["dir"], slot["sim"], tracer(slot["dir"] + "/trace", "-e", f"trace={name}",
                                               "-e", f"inject={name}:error={error}:when={when}"))
    twice, trouble = 0, None
    try:
        twice = run.whole()
    except Trouble as found:
        trouble = found
    except Exception as found:  # pylint: disable=broad-except # told as well, and the others go on
        trouble = Trouble(repr(found))
    injected = blame(failure, run, trouble)
    slots.put(slot)
    return {"twice": twice, "injected": injected, "restarts": run.restarts, "refused": run.refused, "cpu": run.cpu}


def make_slot(number):
    directory = f"{DIR}/{number}"
    os.mkdir(directory)
    sim = Sim(BIN, directory)
    write_config(directory, sim.url, getpass.getuser())
    return {"dir": directory, "sim": sim}


def main():
    random.seed(SEED)
    begin = time.monotonic()
    slots, all_slots = queue.Queue(), [make_slot(number) for number in range(SLOTS)]
    for slot in all_slots:
        slots.put(slot)
    try:
        calls, cpu = record(all_slots[0])
        found = failures(calls)
        picked = sample(found, len(found) if COUNT == "all" else int(COUNT))
        only = os.environ.get("FAULTS_ONLY")
        if only:
            picked = [failure for failure in found if re.search(only, " ".join(failure))]
        with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
            results = list(pool.map(lambda failure: try_failure(failure, slots), picked))
    finally:
        for slot in all_slots:
            slot["sim"].end()
    kinds = collections.Counter(failure[0] for failure in picked)
    print(f"seed {SEED}: {len(picked)} of {len(found)} failures of {len(calls)} system calls tried in "
          f"{time.monotonic() - begin:.0f} s, {sum(r['injected'] for r in results)} of them happened; "
          f"tg-sendd refused {sum(r['refused'] for r in results)} requests and ended "
          f"{sum(r['restarts'] for r in results)} times; {sum(r['twice'] for r in results)} messages came twice; "
          f"at most {max(r['cpu'] for r in results):.2f} s of processor time, {cpu:.2f} without a failure")
    print(" ".join(f"{name}:{count}" for name, count in sorted(kinds.items())))
    for problem in problems:
        print("PROBLEM:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
