"""The pattern languages: reading, matching, and exact containment (format.md, section 6.1)."""
import ipaddress
import re
import unicodedata
from fractions import Fraction

from .strict_json import length, utf16

BORDER, FRESH = "\x00", "\x01"
EVERY = None  # the URL pattern `**`
_ESCAPED = re.compile("%(?:2e|2f|5c)", re.I)


class Malformed(Exception):
    """No pattern, or no resource, of the language."""


class Undecided(Exception):
    """Beyond this verifier: a host that is not ASCII."""


def _control(text):
    return any(unicodedata.category(c) == "Cc" for c in text)


def _surrogate(text):
    return any(0xD800 <= ord(c) <= 0xDFFF for c in text)


def _pattern_text(text):
    if text == "" or len(text) > 512 or "\\" in text or _ESCAPED.search(text) or _surrogate(text) or _control(text):
        raise Malformed(text)
    if unicodedata.normalize("NFC", text) != text or len(re.findall(r"\*\*|\*", text)) > 8:
        raise Malformed(text)


def _resource_text(text):
    if text == "" or length(text) > 65536 or _surrogate(text) or _control(text):
        raise Malformed(text)


def _segments(found):
    if any(each in ("", ".", "..") for each in found):
        raise Malformed(found)
    return found


def _stars(found):
    if any(len(each) > 2 and "**" in each for each in found):
        raise Malformed(found)
    return found


def _finished(text):
    if text.endswith((":", "@")):
        raise Malformed(text)


class Name:
    trailing = False

    def pattern(self, text):
        _resource_text(text)
        _finished(text)
        return _stars(_segments(text.split("/")))

    def words(self, text):
        _resource_text(text)
        _finished(text)
        return _segments(text.split("/"))


class Server(Name):
    def pattern(self, text):
        return _one(super().pattern(text))

    def words(self, text):
        return _one(super().words(text))


def _one(found):
    if len(found) > 1:
        raise Malformed(found)
    return ["*" if each == "**" else each for each in found]


class Agent:
    trailing = False

    def words(self, text):
        fields = text.split("@")
        if "/" in text or len(fields) > 2 or "" in fields:
            raise Malformed(text)
        _resource_text(text)
        _finished(text)
        return _segments(fields)

    def pattern(self, text):
        return ["*" if each == "**" else each for each in _stars(self.words(text))]


def _path_text(text):
    if "\\" in text or _ESCAPED.search(text) or unicodedata.normalize("NFC", text) != text:
        raise Malformed(text)
    folded = unicodedata.normalize("NFKC", text)
    parts = folded.split("/")
    if len(parts) != len(text.split("/")) or "\\" in folded or "." in parts or ".." in parts:
        raise Malformed(text)


def _path_words(text):
    if not text.startswith("/"):
        raise Malformed(text)
    found = text[1:].split("/")
    _segments(found[:-1] if found[-1] == "" else found)
    return found


class Path:
    trailing = True

    def pattern(self, text):
        _path_text(text)
        return _stars(_path_words(text))

    def words(self, text):
        _resource_text(text)
        _path_text(text)
        return _path_words(text)


def _ipv6(text):
    """As the WHATWG serializer writes it: the first longest run of zeros is left out, where it is of two or more."""
    try:
        address = int(ipaddress.IPv6Address(text))
    except ValueError:
        raise Malformed(text) from None
    groups = ["%x" % (address >> shift & 0xFFFF) for shift in range(112, -1, -16)]
    for count in range(8, 1, -1):
        for at in range(9 - count):
            if groups[at : at + count] == ["0"] * count:
                return ":".join(groups[:at]) + "::" + ":".join(groups[at + count :])
    return ":".join(groups)


# What the WHATWG parser takes away at both ends.
_C0_SPACE = "".join(map(chr, range(33)))


class Url:
    """The part of the WHATWG URL standard that ASCII URLs need."""

    trailing = True
    _SHAPE = re.compile(r"(https?)://(\[[^\]]*\]|[^/:\[\]]*)(?::([0-9]*))?(/.*)?", re.I | re.S | re.A)
    _PORTS = {"http:": "80", "https:": "443"}

    def pattern(self, text):
        if text == "**":
            return EVERY
        if re.search("[?#]", text) or text.strip() != text or text.endswith("\ufeff") or re.match("https?://[^/]*@", text, re.I | re.A):
            raise Malformed(text)
        match = self._SHAPE.fullmatch(text)
        if not match:
            raise Malformed(text)
        host = match[2]
        _stars(_path_words(match[4] or "/"))
        labels = host.split(".")
        if "%" in host or "" in labels or any(each != "*" and "*" in each for each in labels):
            raise Malformed(text)
        return self._parsed(match[1], host, match[3], match[4] or "/", pattern=True)

    def words(self, text):
        if length(text) > 65536 or _surrogate(text):
            raise Malformed(text)
        match = re.fullmatch(r"(https?):[/\\]*(?:[^/?#@]*@)?(\[[^\]]*\]|[^/:\[\]?#]*)(?::([0-9]*))?([/][^?#]*)?(?:[?#].*)?", text.strip(_C0_SPACE), re.I | re.S | re.A)
        if not match or match[2] == "":
            raise Malformed(text)
        return self._parsed(match[1], match[2], match[3], match[4] or "/", pattern=False)

    def _parsed(self, scheme, host, port, path, pattern):
        if not host.isascii():
            raise Undecided(host)
        scheme, written, host = scheme.lower() + ":", host, host.lower()
        if host.startswith("["):
            host = "[%s]" % _ipv6(host[1:-1])
            if pattern and host != written:
                raise Malformed(written)
        number = self._PORTS[scheme] if not port else port.lstrip("0") or "0"
        if len(number) > 5 or int(number) > 65535 or re.search(r"[\s<>^|\x00-\x1f%]", host):
            raise Malformed(host)
        labels = [BORDER, host] if host.startswith("[") else host.split(".")
        if re.fullmatch("0x[0-9a-f]*|[0-9]+", labels[-1]) and not re.fullmatch(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)", host):
            raise Malformed(host) if pattern else Undecided(host)
        path = self._escaped(path)
        if not pattern:
            try:
                _path_text(path)
                _path_words(path)
            except Malformed:
                return [BORDER]
        return [scheme, BORDER, *labels, BORDER, number, BORDER, *path[1:].split("/")]

    @staticmethod
    def _escaped(path):
        shown = lambda c: c if 0x20 < ord(c) < 0x7F and c not in '"#<>?^`{}' else "".join("%%%02X" % b for b in c.encode())
        return "".join(map(shown, path))


class Budget:
    _SHAPE = re.compile(r"([A-Z]{3,8}):(0|[1-9][0-9]{0,29})(?:\.([0-9]{1,18}))?")

    @classmethod
    def amount(cls, text):
        match = cls._SHAPE.fullmatch(text)
        if not match:
            raise Malformed(text)
        return match[1], Fraction(match[2] + "." + (match[3] or "0"))

    @classmethod
    def money(cls, texts):
        total = {}
        for text in texts:
            currency, value = cls.amount(text)
            total[currency] = total.get(currency, 0) + value
        return total

    @classmethod
    def texts(cls, money):
        return sorted("%s:%s" % (currency, cls.digits(value)) for currency, value in money.items())

    @staticmethod
    def digits(value):
        scaled = value * 10**18
        sign = "-" if scaled < 0 else ""
        whole, fraction = divmod(abs(int(scaled)), 10**18)
        return (sign + "%d.%018d" % (whole, fraction)).rstrip("0").rstrip(".")

    def normal(self, texts):
        made = self.texts(self.money(texts))
        for text in made:
            self.amount(text)
        return made

    def least(self, lists):
        caps = [self.money(texts) for texts in lists]
        shared = [each for each in caps[0] if all(each in cap for cap in caps)] if caps else []
        return self.texts({each: min(cap[each] for cap in caps) for each in shared})

    def refuses(self, held, resource):
        currency, value = self.amount(resource)
        caps = self.money(held)
        return currency not in caps or value > caps[currency]

    def excess(self, child, parent):
        caps = self.money(parent)
        return [text for text in child for currency, value in [self.amount(text)] if currency not in caps or value > caps[currency]]


class Text:
    """A list of patterns of one of the languages above."""

    def __init__(self, dialect):
        self.dialect = dialect

    def read(self, text):
        _pattern_text(text)
        return self.dialect.pattern(text)

    def normal(self, texts):
        for text in texts:
            self.read(text)
        return sorted(set(texts), key=utf16)

    def refuses(self, held, resource):
        """Whether the list does not match; raises Malformed for what is no resource."""
        words = self.dialect.words(resource)
        patterns = [self.read(each) for each in held]
        if EVERY in patterns:
            return False
        return not _Set(patterns, self.dialect.trailing).matches(words)

    def excess(self, child, parent):
        patterns = [self.read(each) for each in parent]
        if EVERY in patterns:
            return []
        union = _Set(patterns, self.dialect.trailing)
        return [each for each in child if each not in parent and not union.covers(self.read(each))]


class _Set:
    """The union of patterns, read as places in them."""

    def __init__(self, patterns, trailing):
        self.trailing = trailing
        self.patterns = list(patterns)
        if trailing:
            self.patterns += [each + [""] for each in patterns if each[-1] not in ("", "**")]
        self.start = self._closed((i, 0) for i in range(len(self.patterns)))

    def _closed(self, places):
        reached = set()
        for i, at in places:
            reached.add((i, at))
            while at < len(self.patterns[i]) and self.patterns[i][at] == "**":
                at += 1
                reached.add((i, at))
        return frozenset(reached)

    def _step(self, places, word):
        reached = set()
        for i, at in places:
            if at == len(self.patterns[i]):
                continue
            segment = self.patterns[i][at]
            if segment == "**":
                if word != BORDER:
                    reached.add((i, at))
            elif "*" in segment:
                if word not in ("", BORDER) and _glob(segment).fullmatch(word):
                    reached.add((i, at + 1))
            elif segment == word:
                reached.add((i, at + 1))
        return self._closed(reached)

    def _accepts(self, places):
        return any(at == len(self.patterns[i]) for i, at in places)

    def matches(self, words):
        places = self.start
        for word in words:
            places = self._step(places, word)
        return self._accepts(places)

    def covers(self, pattern):
        if pattern is EVERY:
            return False
        seen, todo = set(), [(0, True, self.start)]
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            at, blank, places = state
            if not places:
                return False
            if at == len(pattern):
                if not blank and not self._accepts(places):
                    return False
                if self.trailing and pattern[-1] != "" and not self._accepts(self._step(places, "")):
                    return False
            elif pattern[at] == "**":
                todo.append((at, False, self._step(places, FRESH)))
                todo.append((at + 1, blank, places))
            else:
                word = pattern[at].replace("*", FRESH)
                todo.append((at + 1, word == BORDER, self._step(places, word)))
        return True


def _glob(segment):
    return re.compile(".*".join(map(re.escape, segment.split("*"))), re.S)


_NAME, _PATH = Text(Name()), Text(Path())
LANGUAGES = {
    "tool.call": _NAME,
    "model.use": _NAME,
    "mcp.prompt": _NAME,
    "mcp.resource": Text(Server()),
    "agent.delegate": Text(Agent()),
    "fs.read": _PATH,
    "fs.write": _PATH,
    "net.fetch": Text(Url()),
    "cost.budget": Budget(),
}


def language(capability):
    """None for what is no capability."""
    if capability in LANGUAGES:
        return LANGUAGES[capability]
    vendor = re.fullmatch(r"x-[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", capability) and length(capability) <= 128
    return _NAME if vendor else None
