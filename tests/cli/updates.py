#!/usr/bin/env python3
"""Updates of every kind, as strange as they can be. See generated.bats.

    updates.py make COUNT SEED              prints COUNT updates, one a line; their ids end in 1 to COUNT
    updates.py check COUNT OUTPUT LOG       whether OUTPUT answers each, and the LOG has nothing of what they say
    updates.py inject COUNT SEED URL        the same updates into the simulator, as Telegram would have them

What an update may hold stands in tests/data/updates.txt. Of each type the optional field that was there least often
is there next, so that all of them were there, and absent.
"""
import json
import os
import random
import re
import sys
import urllib.parse
from http.client import HTTPConnection

DATA = os.path.join(os.path.dirname(__file__), "../data/updates.txt")
FIRST_ID = 2**31 - 1000  # so that some are larger than 32 bits
DEEPEST = 7
MARK = "zQ7mark"  # in what people say, and never in a log
LARGEST = 2**52 - 1

STRANGE = (
    "", " ", "\n", "/", "/start", "/help", "/whoami", "/help@sim_bot x", "/START", "/link " + MARK, "/unlink", "/run a;b",
    "/" + "x" * 32, "/" + "x" * 33, "/start@", "/start deep-link_" + MARK, "run:1", "stop:99999999999999999999", ":1", ":",
    "a:" + "b" * 62, "scripts:-1", "%s%n%x", "{user} {code}", "`" + MARK, "<b>" + MARK + "</b>&amp;", "*_[" + MARK + "](tg://user?id=1)",
    "\"" + MARK + "\\", "'; DROP TABLE links; --", "$(id) `id` | id", "../../etc/passwd", "\u202e" + MARK + "\u202c",
    "\u2066\u2067\u200f" + MARK, "a\u0000b" + MARK, "\x1b[2J\x07", "\r\n{\"update_id\":1,\"calls\":[]}\r\n", "\u2028\u2029\ufeff",
    "\ud800", "\udfff" + MARK, "\ud83d\ude00\ud83d", "e\u0301" * 50, "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 9, "\ufffe\uffff\U0010ffff",
    "\u0130\u0131\u1e9e", MARK * 1000, "null", "0", "-1", "\x7f\x80\x9f",
)
LOOKED_AT = ("message",) * 5 + ("callback_query",) * 3 + ("edited_message", "my_chat_member")
BUTTONS = ("run:1", "stop:1", "scripts:0", "page:1", "cancel:", ":1", "GO:" + MARK, "users:1", "queue:2", "send:1", "broadcast:x")
HUGE = ("\U0001f600" * 4096, "\u202e" * 4096, "\n" * 4096, MARK * 1463, "a" * 10240)


def read_types():
    """{type: [(field, optional, types, words)]} and {type: [types that it may be]}."""
    records, unions, lines = {}, {}, []
    with open(DATA, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith(" "):
                lines[-1] += line
            elif not line.startswith("#"):
                lines.append(line)
    for line in lines:
        if " = " in line:
            name, parts = line.split(" = ")
            unions[name] = parts.replace("Array of ", "[]").split()
            continue
        name, parts = line.split(":", 1)
        records[name] = []
        for part in parts.split():
            field, types, words = re.fullmatch(r"([^:]+):([^=]+)=?(.*)", part).groups()
            records[name].append((field.rstrip("?"), field.endswith("?"), types.split("|"), words.split(",") if words else []))
    return records, unions


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.records, self.unions = read_types()
        self.there = {(name, field[0]): 0 for name, fields in self.records.items() for field in fields if field[1]}
        self.absent = dict.fromkeys(self.there, 0)
        self.picked = {}
        self.kinds = [field[0] for field in self.records["Update"] if field[1]]
        self.types_of = {(name, field[0]): [kind.replace("[]", "") for kind in field[2]]
                         for name, fields in self.records.items() for field in fields}
        self.hungry = set()  # types and fields

    def look_around(self):
        """In which types, or in whose parts, a field is still to be seen, there or absent: the way leads there."""
        missing = {key for key in self.there if not self.there[key] or not self.absent[key]}
        types = {name for name, _ in missing}
        before = -1
        while len(types) != before:
            before = len(types)
            types |= {name for (name, _), kinds in self.types_of.items() if not types.isdisjoint(kinds)}
            types |= {name for name, kinds in self.unions.items() if not types.isdisjoint(kinds)}
        self.hungry = types | missing | {key for key, kinds in self.types_of.items() if not types.isdisjoint(kinds)}

    def text(self):
        if self.random.random() < 0.001:
            return self.random.choice(HUGE)
        if self.random.random() < 0.4:
            return self.random.choice(STRANGE)
        return "%s %d" % (self.random.choice(("word", "\u0441\u043b\u043e\u0432\u043e", "\U0001f44d", MARK)), self.random.randrange(1000))

    def number(self, field):
        if field == "id" or field.endswith("_id"):
            return self.random.choice((1, 7, 4242, LARGEST, -LARGEST, -1000000000000 - self.random.randrange(99), self.random.randrange(LARGEST)))
        if "date" in field:
            return 1790000000 + self.random.randrange(10**6)
        return self.random.choice((0, 1, -1, self.random.randrange(100), 2**31, -(2**31), 2**53, 2**63 - 1))

    def anything(self, depth=0):
        choice = self.random.randrange(6 if depth < 3 else 4)
        if choice < 4:
            return (None, True, self.number("id"), self.text())[choice]
        if choice == 4:
            return [self.anything(depth + 1) for _ in range(self.random.randrange(3))]
        return {self.text()[:20]: self.anything(depth + 1) for _ in range(self.random.randrange(3))}

    def nested(self):
        """As deep as the whole update may be, less what stands around it."""
        depth = self.random.choice((40, 200, 490))
        value = self.text()
        for _ in range(depth):
            value = [value] if self.random.random() < 0.3 else {"type": "bold", "text": value}
        return value

    def value(self, kind, field, words, depth):
        if kind.startswith("[]"):
            count = 0 if depth > DEEPEST else self.random.randrange(3 if depth < 2 else 2)
            return [self.value(kind[2:], field, words, depth + 1) for _ in range(count)]
        if kind in self.unions:
            return self.one_of(kind, field, depth)
        if kind in self.records:
            return self.record(kind, depth + 1)
        if kind == "String":
            return self.random.choice(words) if words and self.random.random() < 0.97 else self.text()
        if kind == "Boolean" or kind == "True":
            return kind == "True" or self.random.random() < 0.5
        if kind == "False":
            return False
        if kind.startswith("Float"):
            return self.random.choice((0.5, -1.25e-7, 1e300, 12.0))
        return self.number(field)

    def one_of(self, kind, field, depth):
        counts = self.picked.setdefault(kind, dict.fromkeys(self.unions[kind], 0))
        plain = [part for part in counts if part == "String"]
        part = plain[0] if plain and depth > DEEPEST else min(
            counts, key=lambda part: counts[part] - (10**6 if part in self.hungry else 0))
        counts[part] += 1
        return self.value(part, field, [], depth)

    def wanted(self, name, optional, depth):
        """The least seen one in any case, the others the less the deeper it is."""
        if depth > DEEPEST or not optional:
            return set()
        likely = (0.08, 0.03)[depth] if depth < 2 else 0
        least = min(optional, key=lambda field: self.there[name, field] - (10**6 if (name, field) in self.hungry else 0))
        wanted = {least} | {field for field in optional if likely and self.random.random() < likely}
        return {field for field in wanted if self.absent[name, field] or not self.there[name, field]}

    def record(self, name, depth):
        fields = self.records[name]
        optional = [field[0] for field in fields if field[1]]
        mode = self.random.random()
        wanted = self.wanted(name, optional, depth)
        if depth < 2 and mode < 0.05:
            wanted = set() if mode < 0.025 else set(optional)
        made = {}
        for field, is_optional, types, words in fields:
            if is_optional and field not in wanted:
                self.absent[name, field] += 1
                continue
            if is_optional:
                self.there[name, field] += 1
            made[field] = self.value(self.random.choice(types), field, words, depth)
        if self.random.random() < 0.02:
            made["field_of_the_future"] = self.anything()
        if self.random.random() < 0.003 and made:
            made[self.random.choice(list(made))] = self.anything()  # of another type
        return made

    def update(self, number):
        name = self.random.choice(LOOKED_AT) if number % 3 else (self.kinds + [None])[number // 3 % (len(self.kinds) + 1)]
        if name is None:
            return {"kind_of_the_future": self.anything()}
        types = next(field[2] for field in self.records["Update"] if field[0] == name)
        self.there["Update", name] += 1
        for other in self.kinds:
            self.absent["Update", other] += other != name
        made = {name: self.record(types[0], 0)}
        if number % 500 == 13:
            made[self.random.choice((name, "thing_of_the_future"))] = self.nested()
        if number % 3 and isinstance(made[name], dict):
            self.settle(made[name])
        return made

    def settle(self, part):
        """Makes it one that the bot looks at, from few people who come again."""
        message = part if "chat" in part else part.get("message")
        for holder in (part, message):
            if isinstance(holder, dict) and isinstance(holder.get("from"), dict):
                holder["from"]["id"] = 1 + self.random.randrange(50)
                holder["from"]["is_bot"] = False
        if isinstance(message, dict) and isinstance(message.get("chat"), dict):
            message["chat"]["type"] = self.random.choice(("private", "private", "supergroup"))
            message["chat"]["id"] = self.random.choice((1 + self.random.randrange(50), LARGEST, -LARGEST))
            if self.random.random() < 0.7 and "message" not in part:
                message["text"] = self.text()
        if "chat_instance" in part and self.random.random() < 0.6:
            part["data"] = self.random.choice(BUTTONS)


def make(count, seed):
    maker = Maker(seed)
    for number in range(count):
        if number % 500 == 0:
            maker.look_around()
        line = json.dumps(maker.update(number), separators=(",", ":"))
        yield line if len(line) < 900000 else '{"kind_of_the_future":null}'
    if count >= 20000:
        missed = ["%s.%s" % key for key in maker.there if not maker.there[key] or not maker.absent[key]]
        print("%d types, %d optional fields, of which these were not both there and absent: %s" % (
            len(maker.records), len(maker.there), " ".join(missed) or "none"), file=sys.stderr)
        if missed:
            sys.exit(1)


def check_call(call):
    text = call.get("text", "")
    assert re.fullmatch("[a-zA-Z]+", call["method"]), call
    assert len(text) <= (200 if call["method"] == "answerCallbackQuery" else 4096), call
    assert call["method"] != "sendMessage" or text, call
    text.encode("utf-8")  # no lone surrogate


def check(count, output, log):
    seen, calls = [], 0
    with open(output, encoding="utf-8", newline="\n") as file:
        for line in file:
            answer = json.loads(line)
            if "update_id" not in answer:
                check_call(answer)
                continue
            assert set(answer) == {"update_id", "calls"}, line
            seen.append(answer["update_id"] - FIRST_ID)
            calls += len(answer["calls"])
            for call in answer["calls"]:
                check_call(call)
    assert sorted(seen) == list(range(1, count + 1)), "%d answers for %d updates" % (len(seen), count)
    with open(log, encoding="ascii", newline="\n") as file:
        for line in file:
            assert MARK not in line, line
            assert set(json.loads(line)) >= {"time", "level", "event"}, line
    print("%d updates, %d calls" % (len(seen), calls))


def inject(count, seed, url):
    connection = HTTPConnection(urllib.parse.urlparse(url).netloc)
    taken = 0
    for number, made in enumerate(make(count, seed)):
        if number % 500 == 13:
            continue  # deeper than the simulator reads
        connection.request("POST", "/sim/update", made, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        taken += answer.status == 200
    assert taken > count * 9 // 10  # it knows no kinds of the future


def main():
    what, count = sys.argv[1], int(sys.argv[2])
    if what == "make":
        for number, made in enumerate(make(count, int(sys.argv[3])), 1):
            print('{"update_id":%d,%s' % (FIRST_ID + number, made[1:]))
    elif what == "check":
        check(count, sys.argv[3], sys.argv[4])
    else:
        inject(count, int(sys.argv[3]), sys.argv[4])


main()
