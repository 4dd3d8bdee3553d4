#!/usr/bin/env python3
"""Memory: tells when it is nearly used up, with a chart of the last day and the programs that use most.

A notification script, see notify-script(7). Copy it to ~/user/notifications and try it:
notify-runner --dry-run --only memory.py, or from the chat: /run memory.py. Each run adds a point to the chart.

It needs nothing but Python. To chart something else, change measure(), LIMIT and the texts at the end.
"""

import collections
import json
import os
import struct
import time
import zlib

LIMIT = 90                              # percent
DAY = 24 * 3600
HISTORY = ".cache/notify-memory.csv"    # below the home, where a script starts: lines of "time,percent"
PICTURE = os.path.abspath(".cache/notify-memory.png")


# ---- what is measured ----

def measure():
    """How much memory is in use, in percent, and in bytes, and of how many."""
    values = {}
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            name, value = line.split()[:2]
            values[name] = int(value) * 1024
    total = values["MemTotal:"]
    used = total - values["MemAvailable:"]
    return 100 * used / total, used, total


def top_programs(count):
    """The names of programs and the memory of all their processes."""
    page, used = os.sysconf("SC_PAGE_SIZE"), collections.Counter()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", errors="replace") as comm, open(f"/proc/{pid}/statm") as statm:
                used[comm.read().strip()] += int(statm.read().split()[1]) * page
        except OSError:
            pass  # it ended meanwhile
    return used.most_common(count)


def remember(now, percent):
    """Adds a point to the history, drops what is older than a day, and returns the rest."""
    points = []
    try:
        with open(HISTORY, encoding="ascii", errors="replace") as file:
            for line in file:
                try:
                    moment, value = map(float, line.split(","))
                except ValueError:
                    continue  # a damaged line
                if now - DAY <= moment < now and 0 <= value <= 100:
                    points.append((moment, value))
    except FileNotFoundError:
        os.makedirs(os.path.dirname(HISTORY), exist_ok=True)
    points.append((now, percent))
    with open(HISTORY + ".new", "w", encoding="ascii") as file:
        file.writelines(f"{moment:.0f},{value:.2f}\n" for moment, value in points)
    os.replace(HISTORY + ".new", HISTORY)
    return points


# ---- the picture ----

WIDTH, HEIGHT = 900, 450
LEFT, RIGHT, TOP, BOTTOM = 90, 30, 30, 54    # margins around the chart
WHITE, GRID, INK = (255, 255, 255), (226, 230, 236), (90, 98, 110)
LINE, FILL, ALARM = (33, 102, 172), (209, 226, 243), (204, 51, 51)

# Five columns of seven dots for each character, the lowest bit on top.
FONT = {
    "0": (0x3E, 0x41, 0x41, 0x41, 0x3E), "1": (0x00, 0x42, 0x7F, 0x40, 0x00), "2": (0x42, 0x61, 0x51, 0x49, 0x46),
    "3": (0x21, 0x41, 0x45, 0x4B, 0x31), "4": (0x18, 0x14, 0x12, 0x7F, 0x10), "5": (0x27, 0x45, 0x45, 0x45, 0x39),
    "6": (0x3C, 0x4A, 0x49, 0x49, 0x30), "7": (0x01, 0x71, 0x09, 0x05, 0x03), "8": (0x36, 0x49, 0x49, 0x49, 0x36),
    "9": (0x06, 0x49, 0x49, 0x29, 0x1E), ":": (0x00, 0x36, 0x36, 0x00, 0x00), "%": (0x63, 0x13, 0x08, 0x64, 0x63),
}
DOT = 3    # pixels


class Picture:
    def __init__(self):
        self.rows = [bytearray(bytes(WHITE) * WIDTH) for _ in range(HEIGHT)]

    def blend(self, x, y, colour, share=1.0):
        """Puts a colour on a pixel; a share of less than 1 lets through what is there."""
        if 0 <= x < WIDTH and 0 <= y < HEIGHT and share > 0:
            row, at, share = self.rows[y], 3 * x, min(share, 1.0)
            for i in range(3):
                row[at + i] = round(row[at + i] + (colour[i] - row[at + i]) * share)

    def box(self, left, top, width, height, colour):
        for y in range(top, top + height):
            self.rows[y][3 * left:3 * (left + width)] = bytes(colour) * width

    def text(self, text, x, y, colour):
        for character in text:
            for column, bits in enumerate(FONT[character]):
                for row in range(7):
                    if bits >> row & 1:
                        self.box(x + column * DOT, y + row * DOT, DOT, DOT, colour)
            x += 6 * DOT

    def save(self, path):
        """A PNG is a header, the compressed rows of pixels, and an end."""
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + row for row in self.rows), 9)
        with open(path + ".new", "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
        os.replace(path + ".new", path)


def text_width(text):
    return (6 * len(text) - 1) * DOT


def draw(points, limit):
    """The points as a line with the area below it, from 0 to 100 %, over the hours that they cover."""
    picture = Picture()
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    end = points[-1][0]
    start = min(points[0][0], end - 3600)

    def to_y(value):
        return bottom - value / 100 * (bottom - TOP)

    def to_x(moment):
        return LEFT + (moment - start) / (end - start) * (right - LEFT)

    for value in range(0, 101, 25):
        y = round(to_y(value))
        picture.box(LEFT, y, right - LEFT, 2, GRID)
        picture.text(f"{value}%", LEFT - 15 - text_width(f"{value}%"), y - 9, INK)
    draw_hours(picture, start, end, to_x, bottom)
    draw_line(picture, [(to_x(moment), to_y(value)) for moment, value in points], bottom)
    for x in range(LEFT, right, 18):
        picture.box(x, round(to_y(limit)), min(10, right - x), 3, ALARM)
    picture.save(PICTURE)


def draw_hours(picture, start, end, to_x, bottom):
    """A mark and the time of day at round times, at most six."""
    step = next(s for s in (600, 1200, 1800, 3600, 7200, 14400, 21600) if (end - start) / s <= 6)
    zone = time.localtime(end).tm_gmtoff
    moment = start + (-(start + zone)) % step
    while moment <= end:
        text = time.strftime("%H:%M", time.localtime(moment))
        x = round(to_x(moment))
        picture.box(x - 1, bottom, 2, 10, INK)
        picture.text(text, min(x - text_width(text) // 2, WIDTH - 10 - text_width(text)), bottom + 18, INK)
        moment += step


def draw_line(picture, places, bottom):
    """Column by column; what a column is covered in part of is drawn in part, so that there are no stairs."""
    index, before = 0, places[0][1]
    for x in range(round(places[0][0]), round(places[-1][0]) + 1):
        while index + 2 < len(places) and places[index + 1][0] < x:
            index += 1
        (x1, y1), (x2, y2) = places[index], places[min(index + 1, len(places) - 1)]
        part = 0 if x2 <= x1 else min(max((x - x1) / (x2 - x1), 0), 1)
        here = y1 + (y2 - y1) * part
        for y in range(round(here), bottom):
            picture.blend(x, y, FILL, 0.85)
        high, low = min(before, here) - 2, max(before, here) + 2
        for y in range(int(high) - 1, int(low) + 2):
            picture.blend(x, y, LINE, min(y + 1, low) - max(y, high))
        before = here
    # A dot at the newest point.
    at_x, at_y = places[-1]
    for y in range(int(at_y) - 8, int(at_y) + 9):
        for x in range(int(at_x) - 8, int(at_x) + 9):
            picture.blend(x, y, LINE, 7.5 - ((x - at_x) ** 2 + (y - at_y) ** 2) ** 0.5)


# ---- the report ----

# NOTIFY_MANUAL is 1 where somebody asked for it, who wants an answer also if all is well.
asked = os.environ.get("NOTIFY_MANUAL") == "1"
percent, used, total = measure()
history = remember(time.time(), percent)
if percent < LIMIT and not asked:
    print(json.dumps({"notify": False}))
else:
    draw(history, LIMIT)
    when, highest = max(history, key=lambda point: point[1])
    programs = "\n".join(f"- `{name.replace('`', '?')}`: {size >> 20} MB" for name, size in top_programs(3))
    print(json.dumps({
        "notify": True,
        "title": f"Memory on {os.uname().nodename}: {percent:.0f} %",
        "message": f"{used / 2**30:.1f} of {total / 2**30:.1f} GB are in use; the most within a day was "
                   f"{highest:.0f} % at {time.strftime('%H:%M', time.localtime(when))}.\n\n{programs}",
        "image_path": PICTURE,
        "cooldown": "6h",
    }))
