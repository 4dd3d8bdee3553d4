#!/usr/bin/env python3
"""Lets Telegram's own parser judge what we make of texts.

    judge.py LIBTDJSON PARTS [COUNT [SEED]]

COUNT random texts, Markdown, HTML and Unicode, go through PARTS (parts.c) and its answers through TDLib:
- getMarkdownText does to a text with entities what the Bot API server does to what we send
  (fix_formatted_text); it must leave every part as it is. A code span in front keeps it from writing Markdown.
- parseTextEntities must make the same of HTML, and of our entities written as HTML.
- All parts together must have the text and the formatting that the generator had in mind.
Prints the seed and what was counted; exit code 1 and the text where something is wrong.
"""
import ctypes
import html
import json
import random
import re
import subprocess
import sys
import unicodedata

TEXT_MAX, CAPTION_MAX, ENTITIES_MAX = 4096, 1024, 100
GUARD = "`a`\n"
BLANK = " \n"
STYLES = {"bold": "Bold", "italic": "Italic", "underline": "Underline", "strikethrough": "Strikethrough",
          "spoiler": "Spoiler", "code": "Code", "pre": "Pre", "blockquote": "BlockQuote",
          "expandable_blockquote": "ExpandableBlockQuote"}
NAMES = {"textEntityType" + value: key for key, value in STYLES.items()}
TAGS = {"bold": ["b", "strong"], "italic": ["i", "em"], "underline": ["u", "ins"],
        "strikethrough": ["s", "strike", "del"], "spoiler": ["tg-spoiler"]}
URLS = ["https://example.com/", "http://a.bc/d?e=f&g=h#i", "https://ex.org/a_b*c(d)", "tg://resolve?domain=x"]


class Wrong(Exception):
    pass


def must(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(part) for part in what))


# --- TDLib ----------------------------------------------------------------------------------------------------

class Tdlib:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.td_execute.restype = ctypes.c_char_p
        self.library.td_execute.argtypes = [ctypes.c_char_p]
        self.call({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0})

    def call(self, request):
        return json.loads(self.library.td_execute(json.dumps(request).encode()))

    def parse_html(self, text):
        return self.call({"@type": "parseTextEntities", "text": text,
                          "parse_mode": {"@type": "textParseModeHTML"}})

    def fix(self, text, entities):
        """What the server makes of a text with TDLib's entities: the same, or an error."""
        shifted = [dict(entity, offset=entity["offset"] + len(GUARD)) for entity in entities]
        answer = self.call({"@type": "getMarkdownText", "text": {
            "@type": "formattedText", "text": GUARD + text, "entities": shifted}})
        if answer["@type"] == "error":
            return answer
        must(answer["text"].startswith(GUARD), "TDLib wrote Markdown for", text)
        answer["text"] = answer["text"][len(GUARD):]
        for entity in answer["entities"]:
            entity["offset"] -= len(GUARD)
        return answer


def to_tdlib(entity):
    kind = entity["type"]
    if kind == "text_link":
        made = {"@type": "textEntityTypeTextUrl", "url": entity["url"]}
    elif kind == "custom_emoji":
        made = {"@type": "textEntityTypeCustomEmoji", "custom_emoji_id": entity["custom_emoji_id"]}
    elif kind == "pre" and "language" in entity:
        made = {"@type": "textEntityTypePreCode", "language": entity["language"]}
    else:
        made = {"@type": "textEntityType" + STYLES[kind]}
    return {"@type": "textEntity", "offset": entity["offset"], "length": entity["length"], "type": made}


def mark(entity):
    """What an entity of TDLib says about each of its characters."""
    kind = entity["type"]
    name = kind["@type"]
    if name == "textEntityTypeTextUrl":
        return ("text_link", kind["url"])
    if name == "textEntityTypePreCode":
        return ("pre", kind["language"])
    if name == "textEntityTypeCustomEmoji":
        return ("custom_emoji", str(kind["custom_emoji_id"]))
    if name == "textEntityTypeMentionName":
        return ("text_link", "tg://user?id=%d" % kind["user_id"])
    return (NAMES[name], "")


def units(text):
    """The UTF-16 offset of each character, and of the end."""
    offsets = [0]
    for character in text:
        offsets.append(offsets[-1] + (2 if ord(character) > 0xffff else 1))
    return offsets


def coverage(text, entities):
    """For each character the set of marks of the entities that cover it."""
    offsets = {offset: index for index, offset in enumerate(units(text))}
    marks = [set() for _ in text]
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        must(start in offsets and end in offsets, "an entity starts or ends within a character:", entity)
        for index in range(offsets[start], offsets[end]):
            marks[index].add(mark(entity))
    return marks


# --- what must hold for every part ----------------------------------------------------------------------------

def check_entities(text, entities):
    end_of_text = units(text)[-1]
    must(len(entities) <= ENTITIES_MAX, len(entities), "entities")
    open_ends = []
    last = (0, -end_of_text)
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        must(0 <= start < end <= end_of_text, "an entity is empty or outside of the text:", entity)
        must((start, -end) >= last, "entities are not in order:", entity)
        last = (start, -end)
        while open_ends and open_ends[-1] <= start:
            open_ends.pop()
        must(not open_ends or end <= open_ends[-1], "entities overlap:", entity)
        open_ends.append(end)


def is_joined(character):
    return unicodedata.combining(character) or character in "\u200d\ufe0f\u20e3" or \
        0x1f3fb <= ord(character) <= 0x1f3ff


def check_part(tdlib, part, limit):
    text, entities = part["text"], [to_tdlib(entity) for entity in part["entities"]]
    must(len(text) <= limit, "a part has", len(text), "characters of", limit)
    must(text.rstrip(BLANK) == text, "Telegram would trim the end")
    must(not text or text[0] != "\n", "Telegram would trim the start")
    must(not text or text[0] != " " or any(entity["offset"] == 0 for entity in entities),
         "Telegram would trim blanks at the start")
    check_entities(text, entities)
    fixed = tdlib.fix(text, entities)
    must(fixed["@type"] != "error", "Telegram refuses it:", fixed.get("message"))
    must(fixed["text"] == text, "Telegram changes the text to", repr(fixed["text"]))
    must(coverage(text, fixed["entities"]) == coverage(text, entities), "Telegram changes the entities to",
         fixed["entities"])
    return entities


def write_html(text, entities):
    """Our entities as HTML, written by the rules of the Bot API alone."""
    opening = {"text_link": '<a href="%s">', "pre": '<pre><code class="language-%s">',
               "custom_emoji": '<tg-emoji emoji-id="%s">', "expandable_blockquote": "<blockquote expandable>"}
    closing = {"text_link": "</a>", "custom_emoji": "</tg-emoji>", "expandable_blockquote": "</blockquote>"}
    out, stack, next_entity = [], [], 0
    for index, offset in enumerate(units(text)):
        while stack and stack[-1][0] <= offset:
            out.append(stack.pop()[1])
        while next_entity < len(entities) and entities[next_entity]["offset"] == offset:
            entity = entities[next_entity]
            kind, argument = mark(entity)
            plain = TAGS.get(kind, [kind])[0]
            if kind == "pre" and not argument:
                out.append("<pre>")
                end = "</pre>"
            elif kind in opening:
                start = opening[kind]
                out.append(start % html.escape(argument) if "%s" in start else start)
                end = closing.get(kind, "</code></pre>")
            else:
                out.append("<%s>" % plain)
                end = "</%s>" % plain
            stack.append((offset + entity["length"], end))
            next_entity += 1
        if index < len(text):
            out.append(html.escape(text[index], quote=False))
    return "".join(out)


def check_html(tdlib, text, entities):
    parsed = tdlib.parse_html(write_html(text, entities))
    must(parsed["@type"] != "error", "as HTML Telegram refuses it:", parsed.get("message"))
    must(parsed["text"] == text, "as HTML it becomes", repr(parsed["text"]))
    must(coverage(text, parsed["entities"]) == coverage(text, entities), "as HTML it has", parsed["entities"])


def without_counter(text, index, count):
    if count == 1:
        return text
    counter = "(%d/%d)" % (index + 1, count)
    must(text == counter or text.endswith("\n" + counter), "does not end in", counter)
    return text[:-len(counter) - 1]


def check_cut(before, after):
    """Two parts without white space between them."""
    must(not is_joined(after[0]), "a character is cut before", repr(after[:4]))
    must(not before.endswith("\u200d"), "a character is cut after", repr(before[-4:]))
    flags = re.search("[\U0001f1e6-\U0001f1ff]*$", before).group()
    must(len(flags) % 2 == 0 or not "\U0001f1e6" <= after[0] <= "\U0001f1ff", "a flag is cut")


def compare(parts, text, marks):
    """All parts in their order are the text with these marks, less white space at the cuts."""
    at = 0
    for index, (body, has) in enumerate(parts):
        start = at
        while not text.startswith(body, at):
            must(at < len(text) and text[at] in BLANK, "the text is not what went in, from", repr(text[at:at + 40]),
                 "in", repr(body[:60]))
            at += 1
        if index > 0 and at == start and body:
            check_cut(parts[index - 1][0], body)
        for offset, character in enumerate(body):
            must(character in BLANK or has[offset] == marks[at + offset], "formatting of", repr(character), "at",
                 offset, "of", repr(body[:60]), "is", has[offset], "and not", marks[at + offset])
        at += len(body)
    must(not text[at:].strip(BLANK), "the end is missing:", repr(text[at:at + 40]))


# --- texts ----------------------------------------------------------------------------------------------------

WORDS = ["a", "the", "server", "backup", "failed", "42", "99.5%", "/var/log/x_y.log", "snake_case_name", "*star*",
         "user@host", "C++", "&", "<", ">", "`", "[x]", "(y)", "#1", "--", "\\", "|", "~", "!", "привет", "мир", "данные",
         "שלום", "\u200fעולם", "مرحبا", "日本語", "。終わり", "한국어", "e\u0301te\u0301", "n\u0303", "q\u0301\u0323",
         "\U0001f600", "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "❤\ufe0f",
         "\U0001f44d\U0001f3fd", "1\ufe0f\u20e3", "\U0001d4d0", "x\u00a0y", "à", "ß", "™", "…", "\ufeff", "\u2063z"]
LETTERS = ["one", "two", "three", "alpha", "größe", "слово", "b2"]


class Writer:
    """Writes one text as Markdown or HTML and as what must become of it."""

    def __init__(self, rng, kind):
        self.rng = rng
        self.is_html = kind == "html"
        self.source, self.text, self.marks, self.active = [], [], [], []

    def put(self, text, source=None):
        has = set(self.active)
        codes = {entry for entry in has if entry[0] in ("code", "pre")}
        if codes:
            has = {entry for entry in has if "blockquote" in entry[0]} | codes
        self.text.append(text)
        self.marks.extend([has] * len(text))
        self.source.append(self.escape(text) if source is None else source)

    def raw(self, source):
        self.source.append(source)

    def escape(self, text):
        if self.is_html:
            text = html.escape(text, quote=self.rng.random() < 0.5)
            return text.replace("&#x27;", "'")
        return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)

    def words(self, count):
        return " ".join(self.rng.choice(WORDS) for _ in range(count))

    def span(self, mark_, before, after, inside):
        self.raw(before)
        self.active.append(mark_)
        inside()
        self.active.pop()
        self.raw(after)

    def inline(self, depth, in_link=False):
        """A style or link starts and ends in a letter, which all flavours of Markdown take."""
        def inside():
            self.put(self.rng.choice(LETTERS))
            for _ in range(self.rng.randint(0, 3)):
                self.put(" ")
                if depth < 4 and self.rng.random() < 0.4:
                    self.inline(depth + 1, in_link or kind == "text_link")
                else:
                    self.put(self.words(self.rng.randint(1, 4)))
            self.put(" " + self.rng.choice(LETTERS))

        kinds = ["bold", "italic", "strikethrough"]
        if self.is_html:
            kinds += ["underline", "spoiler"]
        if not in_link:
            kinds += ["code", "text_link"]
        names = {entry[0] for entry in self.active}
        kind = self.rng.choice([name for name in kinds if name not in names] or ["none"])
        if kind == "none":
            inside()
        elif kind == "code":
            self.code()
        elif kind == "text_link":
            self.link(inside)
        else:
            self.style(kind, inside)

    def link(self, inside):
        url = self.rng.choice(URLS)
        if self.is_html:
            self.span(("text_link", url), '<a href="%s">' % html.escape(url), "</a>", inside)
        else:
            self.span(("text_link", url), "[", "](<%s>)" % re.sub("([*_])", r"\\\1", url), inside)

    def style(self, kind, inside):
        if self.is_html:
            tag = self.rng.choice(TAGS[kind])
            self.span((kind, ""), "<%s>" % tag, "</%s>" % tag, inside)
        else:
            delimiters = {"bold": ["**", "__"], "italic": ["*", "_"], "strikethrough": ["~~"]}
            delimiter = self.rng.choice(delimiters[kind])
            self.span((kind, ""), delimiter, delimiter, inside)

    def code(self):
        text = "x" + self.words(self.rng.randint(1, 3)).replace("`", "'") + "y"
        tags = ("<code>", "</code>") if self.is_html else ("`", "`")
        self.span(("code", ""), tags[0], tags[1],
                  lambda: self.put(text, None if self.is_html else text))

    def paragraph(self, size, prefix=""):
        self.put(self.rng.choice(LETTERS))
        for _ in range(size):
            if self.rng.random() < 0.12:
                self.put("\n", "\n" + prefix)
                self.put(self.rng.choice(LETTERS))
            self.put(" ")
            if self.rng.random() < 0.3:
                self.inline(1)
            elif self.rng.random() < 0.1:
                self.put("Done.")
            else:
                self.put(self.words(self.rng.randint(1, 5)))
        self.put(" " + self.rng.choice(LETTERS))

    def quote(self, size):
        expandable = self.is_html and self.rng.random() < 0.5
        kind = ("expandable_blockquote" if expandable else "blockquote", "")
        if self.is_html:
            self.span(kind, "<blockquote%s>" % (" expandable" if expandable else ""), "</blockquote>",
                      lambda: self.paragraph(size))
        else:
            self.span(kind, "> ", "", lambda: self.paragraph(size, "> "))

    def pre(self, size):
        language = self.rng.choice(["", "c", "python", "c++"])
        lines = ["  " * self.rng.randint(0, 3) + self.words(self.rng.randint(1, 8)) for _ in range(size // 4 + 1)]
        text = "\n".join(line.replace("`", "'") for line in lines) + ";"
        if self.is_html and language:
            tags = ('<pre><code class="language-%s">' % language, "</code></pre>")
        else:
            tags = ("<pre>", "</pre>") if self.is_html else ("```%s\n" % language, "\n```")
        self.span(("pre", language), tags[0], tags[1], lambda: self.put(text, None if self.is_html else text))

    def heading(self):
        self.span(("bold", ""), "## ", "", lambda: self.put(self.rng.choice(LETTERS) + " title"))

    def items(self, size):
        for index in range(size // 3 + 1):
            if index:
                self.put("\n")
            self.put("• ", "- ")
            self.put(self.rng.choice(LETTERS) + " ")
            self.inline(2)
            self.put(" " + self.rng.choice(LETTERS))

    def document(self, blocks, size):
        kinds = [self.paragraph] * 4 + [self.quote, self.pre]
        previous = None
        for index in range(blocks):
            if index:
                self.put("\n\n")
            block = self.rng.choice(kinds if self.is_html else kinds + [self.heading, self.items])
            if block == previous == self.items:
                block = self.paragraph
            block() if block == self.heading else block(self.rng.randint(0, size))
            previous = block
        return "".join(self.source).encode(), "".join(self.text), self.marks


def dense(rng, kind):
    """More entities than a message can have, most of them links or most of them styles."""
    writer = Writer(rng, kind)
    share = rng.random()
    writer.put("one")
    for _ in range(300):
        writer.put(" ")
        if rng.random() < share:
            writer.link(lambda: writer.put(rng.choice(LETTERS)))
        else:
            writer.style(rng.choice(["bold", "italic", "strikethrough"]), lambda: writer.put(rng.choice(LETTERS)))
        writer.put(" x")
    return "".join(writer.source).encode(), "".join(writer.text), writer.marks


def structured(rng, kind, size):
    return Writer(rng, kind).document(rng.randint(1, min(6, 2 + size // 4)), size)


NASTY = ["\t", "\r\n", "\u2028", "\u2029", "\u202e", "\u202a", "\x00", "\x01", "\x07", "\x7f", "\u0085", "\u009b1m", "a\u030a",
         "o\u030a", "x\u0333", "y\u033f", "\u200e\u200f", "\u200f\u200f\u200f", "\u200b", "\x1b[1;31m", "\x1b[0m", "\x1b]0;title\x07",
         "\x1b]8;;http://a.b\x1b\\", "\x1b(B", "\x1b7", "\x1b", "\u3000", "\n\n", "  ", "\n   "]
# Characters of several code points, without a blank to cut at.
CLUSTERS = [word for word in WORDS if len(word) > 1 and any(map(is_joined, word))] + [
    "\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7", "\U0001f3f4\u200d☠\ufe0f", "ü", "я"]
BYTES = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\xaf", b"\x80\x80"]


def unicode_text(rng, size):
    if rng.random() < 0.3:
        return "".join(rng.choices(CLUSTERS, k=rng.randint(1, size * 6))).encode()
    pieces = []
    for _ in range(rng.randint(1, size * 6 + 3)):
        chance = rng.random()
        if chance < 0.04:
            pieces.append(rng.choice(BYTES))
        elif chance < 0.3:
            pieces.append(rng.choice(NASTY).encode())
        else:
            pieces.append(rng.choice(WORDS).encode() + b" " * rng.randint(0, 1))
    return b"".join(pieces)


def clean(data):
    """What must be left of a text: our rules, the second time, as patterns."""
    text = data.decode(errors="surrogateescape")
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    text = re.sub("(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?", "\x02", text)
    text = re.sub("\x1b\\](?:[^\x00-\x08\x0a-\x1f\x80-\x9f])*(?:\x07|\x1b\\\\)", "\x02", text)
    text = re.sub("\x1b[ -/]+[0-~]?|\x1b[0-~]?", "\x02", text)
    text = re.sub("[\u2028\u2029]", "\n", text).replace("\t", " ")
    text = re.sub("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u0333\u033f]", "", text)
    text = text.replace("a\u030a", "\u00e5").replace("u\u030a", "\u016f").replace("\u030a", "")
    text = re.sub("[\u200e\u200f](?=[\u200e\u200f])", "\u200c", text)
    return text


SOUP = ["<b>", "</b>", "<i>", "</i>", "<u>", "</u>", "<s>", "</s>", "<tg-spoiler>", "</tg-spoiler>", "<code>", "</code>",
        "<pre>", "</pre>", '<a href="https://example.com/">', "</a>", "<blockquote>", "</blockquote>", "<br>", "<x>", "</x>",
        "&lt;", "&amp;", "&#65;", "&#x1F600;", "&nope;", "&", "<", ">", '<span class="tg-spoiler">', "</span>"]
MARKDOWN_SOUP = ["*", "**", "_", "__", "`", "```", "~~", "[", "](", ")", "![", "> ", "- ", "1. ", "# ", "\n", "\n\n", "    ", "|",
                 "|-|", "---", "\\", "<", "&amp;", "http://a.bc/_d_", "[x]: y", "***"]


def soup(rng, pieces, size):
    return "".join(rng.choice(pieces) if rng.random() < 0.6 else rng.choice(WORDS) + " "
                   for _ in range(rng.randint(1, size * 4 + 4))).encode()


REFERENCES = ["&lt;", "&gt", "&amp;", "&quot;", "&#65;", "&#x1F600", "&nope;", " & ", "\n", " ", "  \n"]
# What may stand in what; where TDLib and we keep another one of two is left out.
INSIDE = {"a": "bius", "code": "biusa", "pre": "biusac", "quote": "biusacp"}


def html_tree(rng, size, allowed="biusacpq", depth=0):
    out = []
    for _ in range(rng.randint(0, size)):
        chance = rng.random()
        if depth > 6 or chance < 0.4:
            out.append(html.escape(rng.choice(WORDS + LETTERS)))
        elif chance < 0.55:
            out.append(rng.choice(REFERENCES))
        else:
            kind = rng.choice(allowed)
            name = {"a": "a", "c": "code", "p": "pre", "q": "quote"}.get(kind, "")
            inside = "".join(letter for letter in INSIDE.get(name, "biusacpq") if letter in allowed)
            inner = html_tree(rng, max(2, size // 2), inside, depth + 1)
            start, end = {
                "a": ('<a href="%s">' % html.escape(rng.choice(URLS)), "</a>"),
                "c": ("<code>", "</code>"),
                "p": rng.choice([("<pre>", "</pre>"), ('<pre><code class="language-c">', "</code></pre>")]),
                "q": (rng.choice(["<blockquote>", "<blockquote expandable>"]), "</blockquote>"),
                "u": ('<span class="tg-spoiler">', "</span>") if rng.random() < 0.5 else ("<u>", "</u>"),
            }.get(kind, ("<%s>" % kind, "</%s>" % kind))
            out.append(start + inner + end)
    return "".join(out)


# --- the run --------------------------------------------------------------------------------------------------

class Judge:
    def __init__(self, library, program):
        self.tdlib = Tdlib(library)
        self.program = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.counts = {}

    def count(self, name, number=1):
        self.counts[name] = self.counts.get(name, 0) + number

    def submit(self, kind, source, first_max, rest_max, language):
        line = "%s %d %d %s %s\n" % (kind, first_max, rest_max, language, source.hex())
        self.program.stdin.write(line.encode())
        self.program.stdin.flush()
        answer = self.program.stdout.readline()
        must(answer, "the program ended with", self.program.poll())
        try:
            return json.loads(answer)
        except ValueError as error:
            raise Wrong("no JSON: %s" % error) from error

    def check(self, kind, source, rng, language="-"):
        """Checks each part; returns their bodies with marks, and whether entities may have been dropped."""
        first_max, rest_max = rng.choice([
            (TEXT_MAX, TEXT_MAX), (CAPTION_MAX, TEXT_MAX), (rng.randint(64, 400), rng.randint(64, 400))])
        answer = self.submit(kind, source, first_max, rest_max, language)
        parts = []
        must(len(answer) > 0, "no part")
        for index, part in enumerate(answer):
            entities = check_part(self.tdlib, part, first_max if index == 0 else rest_max)
            if rng.random() < 0.3:
                check_html(self.tdlib, part["text"], entities)
            body = without_counter(part["text"], index, len(answer))
            parts.append((body, coverage(part["text"], entities)))
            self.count("entities", len(entities))
        is_full = any(len(part["entities"]) == ENTITIES_MAX for part in answer)
        self.count("parts", len(answer))
        self.count("split", len(answer) > 1)
        self.count("with 100 entities", is_full)
        return parts, is_full

    def structured(self, rng, kind, size, is_dense=False):
        source, text, marks = dense(rng, kind) if is_dense else structured(rng, kind, size)
        yield kind, source
        parts, is_full = self.check(kind, source, rng)
        if is_full:
            # Styles may be missing, links and the text may not.
            kept = {"text_link", "pre", "blockquote", "expandable_blockquote"}
            marks = [{entry for entry in has if entry[0] in kept} for has in marks]
            parts = [(body, [{entry for entry in has if entry[0] in kept} for has in marks_])
                     for body, marks_ in parts]
        compare(parts, text, marks)

    def unicode(self, rng, size):
        source = unicode_text(rng, size)
        kind = rng.choice(["text", "text", "pre"])
        language = rng.choice(["-", "c"]) if kind == "pre" else "-"
        if kind == "pre":
            source = source.replace(b"\t", b"")
        yield kind, source
        parts, _ = self.check(kind, source, rng, language)
        text = clean(source)
        mark_ = {("pre", "" if language == "-" else language)} if kind == "pre" else set()
        compare(parts, text, [mark_] * len(text))

    def html_soup(self, rng, size):
        source = soup(rng, SOUP, size)
        yield "html", source
        self.check("html", source, rng)

    def html_tree(self, rng, size):
        source = html_tree(rng, size).encode()
        yield "html", source
        parts, is_full = self.check("html", source, rng)
        parsed = self.tdlib.parse_html(source.decode())
        must(parsed["@type"] != "error", "TDLib does not take the source:", parsed.get("message"))
        fixed = self.tdlib.fix(parsed["text"], parsed["entities"])
        must(fixed["@type"] != "error", "TDLib does not take its own entities:", fixed.get("message"))
        if not is_full:
            self.count("same as TDLib")
            compare(parts, fixed["text"], coverage(fixed["text"], fixed["entities"]))

    def markdown_soup(self, rng, size):
        source = soup(rng, MARKDOWN_SOUP, size)
        yield "markdown", source
        self.check("markdown", source, rng)

    def run(self, count, seed):
        rng = random.Random(seed)
        for number in range(count):
            size = 400 if number % 400 == 7 else 40 if number % 10 == 3 else rng.randint(1, 8)
            test = rng.choices([lambda: self.structured(rng, "markdown", size),
                                lambda: self.structured(rng, "html", size),
                                lambda: self.unicode(rng, size),
                                lambda: self.html_tree(rng, min(size, 12)),
                                lambda: self.html_soup(rng, size),
                                lambda: self.markdown_soup(rng, size),
                                lambda: self.structured(rng, rng.choice(["markdown", "html"]), 0, True)],
                               [25, 20, 20, 15, 8, 11, 1])[0]()
            kind, source = next(test)
            try:
                for _ in test:
                    pass
            except Wrong as wrong:
                print("text %d of seed %d, %s:\n%s\nis wrong: %s" % (number, seed, kind,
                                                                    source[:1500], str(wrong)[:1500]))
                return 1
            self.count("texts")
            self.count("characters", len(source))
        print("seed %d: %s" % (seed, ", ".join("%d %s" % (value, name) for name, value in self.counts.items())))
        return 0


def main():
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 10000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 32)
    return Judge(sys.argv[1], sys.argv[2]).run(count, seed)


if __name__ == "__main__":
    sys.exit(main())
