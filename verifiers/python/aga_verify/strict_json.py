"""Strict JSON (format.md, section 1) and its one spelling, RFC 8785."""
import json
import math
import re

MAX_BYTES = 256 << 20
MAX_DEPTH = 66
SAFE = 2**53 - 1


class Fault(Exception):
    """The text is not strict JSON; `rule` says in which way."""

    def __init__(self, rule, message):
        super().__init__(message)
        self.rule = rule


class Float(float):
    """A number that was written with a fraction or an exponent; JavaScript does not tell it from an integer."""


def parse(data):
    if len(data) > MAX_BYTES:
        raise Fault("json", "The text is too large.")
    if data[:3] == b"\xef\xbb\xbf":
        raise Fault("json", "The text begins with a byte-order mark.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("json", "The text is not valid UTF-8.") from None
    twice = []
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, twice), parse_int=_number, parse_float=_number, parse_constant=_constant)
    except RecursionError:
        raise Fault("json", "The text is nested too deep.") from None
    except (ValueError, json.JSONDecodeError) as error:
        raise Fault("json", "The text is not valid JSON: %s" % error) from None
    # What is wrong in itself goes before what two readers would read differently.
    _inspect(value, 0)
    if twice:
        raise Fault("duplicate_member", "A member name stands twice in one object.")
    return value


def _object(pairs, twice):
    made = dict(pairs)
    if len(made) != len(pairs):
        twice.append(True)
    return made


def _constant(name):
    raise ValueError("%s is not JSON" % name)


def _number(text):
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return int(value) if value.is_integer() and abs(value) <= SAFE else Float(value)


def _inspect(value, depth):
    if isinstance(value, str):
        _well_formed(value)
    elif isinstance(value, (dict, list)):
        if depth == MAX_DEPTH:
            raise Fault("json", "The text is nested too deep.")
        if isinstance(value, dict):
            for name in value:
                if name == "__proto__":
                    raise Fault("json", "A member has a forbidden name.")
                _well_formed(name)
        for each in value.values() if isinstance(value, dict) else value:
            _inspect(each, depth + 1)


def _well_formed(text):
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise Fault("json", "A text holds a lone surrogate.")


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= SAFE


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max((depth_of(each) for each in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(each) for each in value), default=0)
    return 0


def jcs(value):
    """RFC 8785, as text."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, int):
        return str(value) if abs(value) <= SAFE else number(float(value))
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    names = sorted(value, key=utf16)
    return "{" + ",".join(_quote(name) + ":" + jcs(value[name]) for name in names) + "}"


def utf16(text):
    """What RFC 8785 sorts by; big-endian bytes compare like code units."""
    return text.encode("utf-16-be", "surrogatepass")


def length(text):
    """In UTF-16 code units."""
    return len(utf16(text)) // 2


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quote(text):
    return '"' + re.sub(r'["\\\x00-\x1f]', lambda m: _ESCAPES.get(m[0]) or "\\u%04x" % ord(m[0]), text) + '"'


def number(value):
    """ECMAScript's Number::toString: the shortest digits that read back as the same double."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    shown = digits if count == 1 else digits[0] + "." + digits[1:]
    return "%s%se%s%d" % (sign, shown, "+" if power > 0 else "-", abs(power))
