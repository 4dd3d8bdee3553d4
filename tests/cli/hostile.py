#!/usr/bin/env python3
"""Clients that mean no good, and one that measures what they do to others. See hostile.bats.

    hostile.py SOCKET slow SECONDS      one byte at a time, none of which may live longer than SECONDS
    hostile.py SOCKET hold COUNT        that many connections, each with half a request, until stdin ends
    hostile.py SOCKET knock COUNT       connects and leaves, that often
    hostile.py SOCKET measure COUNT     sends that many messages to @ops; prints the median and the longest, in ms
    hostile.py SOCKET large             bodies without an end
    hostile.py SOCKET odd               what is not HTTP, or is too much so
    hostile.py SOCKET whole             what is unusual, but right
"""
import json
import re
import socket
import statistics
import sys
import threading
import time

PATH, WHAT = sys.argv[1:3]
MESSAGE = b'{"method":"sendMessage","chat_id":1,"text":"%s"}'
bad = []


def connect(timeout=10):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(timeout)
    client.connect(PATH)
    return client


def post(path, body, *headers):
    lines = [b"POST %s HTTP/1.1" % path, b"Host: x", *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def read_all(client):
    """What comes until the service closes."""
    data = b""
    try:
        while part := client.recv(65536):
            data += part
    except ConnectionError:
        pass
    return data


def check(good, text):
    if not good:
        bad.append(text)


# ---- slow ----

def slow_writer(name, request, seconds):
    """One byte every quarter of a second; there is never a pause that looks idle."""
    client, begin = connect(0.25), time.monotonic()
    for byte in request * 1000:
        try:
            client.sendall(bytes([byte]))
            if not client.recv(1):
                break
        except TimeoutError:
            pass
        except ConnectionError:
            break
        if time.monotonic() > begin + seconds + 3:
            break
    took = time.monotonic() - begin
    check(seconds - 0.5 < took < seconds + 2, f"{name}: cut off after {took:.1f} s")


def slow_reader(seconds):
    """Asks much and reads nothing of it."""
    client, begin = connect(), time.monotonic()
    request = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    client.settimeout(seconds + 5)
    try:
        while True:
            client.sendall(request * 100)
    except ConnectionError:
        pass
    except TimeoutError:
        check(False, "who does not read is never cut off")
    took = time.monotonic() - begin
    check(took < seconds + 2, f"who does not read: cut off after {took:.1f} s")


def idle(seconds):
    client, begin = connect(seconds + 5), time.monotonic()
    check(client.recv(1) == b"", "an idle connection gets an answer")
    took = time.monotonic() - begin
    check(seconds - 0.5 < took < seconds + 2, f"idle: closed after {took:.1f} s")


def slow():
    seconds = int(sys.argv[3])
    jobs = [(slow_writer, ("headers", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ", seconds)),
            (slow_writer, ("a body", b"x", seconds)), (slow_reader, (seconds,)), (idle, (seconds,))]
    jobs[1] = (slow_body, (seconds,))
    threads = [threading.Thread(target=function, args=args) for function, args in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def slow_body(seconds):
    client, begin = connect(0.25), time.monotonic()
    client.sendall(post(b"/calls", b"", b"Content-Length: 100000"))
    try:
        while time.monotonic() < begin + seconds + 3:
            client.sendall(b"{")
            try:
                if not client.recv(1):
                    break
            except TimeoutError:
                pass
    except ConnectionError:
        pass
    took = time.monotonic() - begin
    check(seconds - 0.5 < took < seconds + 2, f"a body: cut off after {took:.1f} s")


# ---- many ----

def hold():
    held = []
    for number in range(int(sys.argv[3])):
        client = connect(None)
        try:
            client.sendall((b"", b"POST /calls HTTP/1.1\r\nHost: x\r\nContent-Le")[number % 2])
        except ConnectionError:
            pass
        held.append(client)
    print("held", flush=True)
    sys.stdin.read()


def knock():
    for _ in range(int(sys.argv[3])):
        try:
            connect(None).close()
        except ConnectionError:
            pass


def measure():
    client, times = connect(None), []
    client.settimeout(20)
    for number in range(int(sys.argv[3])):
        body = json.dumps({"to": "@ops", "text": f"measured {number}"}).encode()
        begin = time.monotonic()
        client.sendall(post(b"/send", body))
        answer = client.recv(65536)
        times.append((time.monotonic() - begin) * 1000)
        check(answer.startswith(b"HTTP/1.1 200"), f"answered {answer[:200]}")
    print(f"{statistics.median(times):.2f} {max(times):.2f}")


# ---- large ----

def large_at_header(path, length):
    client = connect()
    client.sendall(post(path, b"", b"Content-Length: %d" % length))
    answer = read_all(client)
    check(answer.startswith(b"HTTP/1.1 413") and b'{"error":' in answer, f"{path}, {length} bytes: {answer[:100]}")


def large_in_chunks(path, limit, *headers):
    """No length is told: it is cut off soon after the limit."""
    client, sent, chunk = connect(), 0, b"10000\r\n" + b"x" * 65536 + b"\r\n"
    client.sendall(post(path, b"", b"Transfer-Encoding: chunked", *headers))
    try:
        while sent < limit + (8 << 20):
            client.sendall(chunk)
            sent += 65536
    except ConnectionError:
        pass
    check(sent < limit + (2 << 20), f"{path} takes {sent} bytes")
    check(not read_all(client).startswith(b"HTTP/1.1 200"), f"{path} takes a body over the limit")


def large():
    for path in (b"/send", b"/calls", b"/send_photo", b"/send_document", b"/health", b"/api/telegram/verify"):
        if path == b"/health":
            continue
        large_at_header(path, 2 << 30)
        large_at_header(path, 1 << 62)
    large_in_chunks(b"/send", 2 << 20)
    large_in_chunks(b"/calls", 8 << 20)
    large_in_chunks(b"/send_photo?caption=x", 10 << 20, b"Content-Type: image/png")


# ---- odd ----

def odd():
    """Each is refused or the connection closed, and never is a part of it taken for a request."""
    smuggled, cases = post(b"/calls", MESSAGE % b"smuggled"), []
    for name, request in {
            "two lengths": post(b"/calls", smuggled, b"Content-Length: 2", b"Content-Length: 3"),
            "the same length twice": post(b"/calls", smuggled, b"Content-Length: 2", b"content-length: 2"),
            "a length and chunks": post(b"/calls", b"0\r\n\r\n" + smuggled, b"Content-Length: 5",
                                        b"Transfer-Encoding: chunked"),
            "chunks and a length": post(b"/calls", b"0\r\n\r\n" + smuggled, b"Transfer-Encoding: chunked",
                                        b"Content-Length: 5"),
            "chunks twice": post(b"/calls", b"0\r\n\r\n" + smuggled, b"Transfer-Encoding: chunked",
                                 b"Transfer-Encoding: chunked"),
            "an unknown encoding": post(b"/calls", smuggled, b"Transfer-Encoding: gzip"),
            "identity and chunks": post(b"/calls", smuggled, b"Transfer-Encoding: identity, chunked"),
            "a list of lengths": post(b"/calls", smuggled, b"Content-Length: 2, 2"),
            "a negative length": post(b"/calls", smuggled, b"Content-Length: -1"),
            "a signed length": post(b"/calls", smuggled, b"Content-Length: +2"),
            "a hexadecimal length": post(b"/calls", smuggled, b"Content-Length: 0x2"),
            "a length that overflows": post(b"/calls", smuggled, b"Content-Length: 18446744073709551618"),
            "no number": post(b"/calls", smuggled, b"Content-Length: two"),
            "a chunk that is no number": post(b"/calls", b"zz\r\n" + smuggled, b"Transfer-Encoding: chunked"),
            "a chunk that overflows": post(b"/calls", b"ffffffffffffffffff\r\n" + smuggled,
                                           b"Transfer-Encoding: chunked"),
            "a negative chunk": post(b"/calls", b"-1\r\n" + smuggled, b"Transfer-Encoding: chunked"),
            "a long header": post(b"/health", b"", b"X-Long: " + b"x" * 1000000),
            "many headers": post(b"/health", b"", *(b"X-%d: x" % n for n in range(100000))),
            "a long path": b"GET /" + b"x" * 1000000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            "many parameters": b"GET /queue?" + b"&".join(b"a%d=1" % n for n in range(20000)) +
                               b" HTTP/1.1\r\nHost: x\r\n\r\n",
            "no version": b"GET /health\r\n\r\n",
            "a strange version": b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
            "a zero byte": b"GET /hea\0lth HTTP/1.1\r\nHost: x\0y\r\n\r\n",
            "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 500,
            "another protocol": b"EHLO x\r\nMAIL FROM:<a@b>\r\n",
            "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
            "nothing": b"\r\n" * 100000,
    }.items():
        cases.append(threading.Thread(target=odd_one, args=(name, request)))
        cases[-1].start()
    for case in cases:
        case.join()


def odd_one(name, request):
    client = connect()
    try:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    try:
        answer = read_all(client)
    except TimeoutError:
        answer = b"nothing, and the connection stays open"
    # libmicrohttpd's own refusals come with their head twice.
    statuses = set(re.findall(rb"HTTP/1\.[01] (\d+) ", answer))
    check(not answer or re.match(rb"HTTP/1\.[01] [45]\d\d ", answer), f"{name}: {answer[:150]}")
    check(len(statuses) <= 1, f"{name}: {answer[:600]}")


# ---- whole ----

def answers(data):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", data)]


def whole():
    client = connect()
    client.sendall(b"".join(post(b"/calls", MESSAGE % b"pipelined %d" % n) for n in range(50)) +
                   b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    check(answers(read_all(client)) == [200] * 51, "pipelined requests are not all answered")

    client = connect()
    client.sendall(post(b"/calls", MESSAGE % b"half closed"))
    client.shutdown(socket.SHUT_WR)
    check(answers(read_all(client)) == [200], "who has closed the sending half gets no answer")

    client = connect()
    client.sendall(post(b"/calls", MESSAGE % b"never whole")[:-5])
    client.shutdown(socket.SHUT_WR)
    check(answers(read_all(client)) == [], "half a request is answered")

    client = connect()
    for byte in post(b"/calls", MESSAGE % b"byte by byte", b"Connection: close"):
        client.sendall(bytes([byte]))
    check(answers(read_all(client)) == [200], "a request byte by byte is not answered")

    client = connect()
    body = MESSAGE % b"in chunks"
    client.sendall(post(b"/calls", b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n",
                        b"Transfer-Encoding: chunked", b"Connection: close"))
    check(answers(read_all(client)) == [200], "a request in chunks is not answered")


def main():
    {"slow": slow, "hold": hold, "knock": knock, "measure": measure, "large": large, "odd": odd,
     "whole": whole}[WHAT]()
    for text in bad:
        print("PROBLEM:", text)
    return 1 if bad else 0


sys.exit(main())
