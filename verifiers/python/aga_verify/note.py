"""Signed notes, checkpoints, witnesses, and the proof for many entries (format.md, sections 2.2 to 2.4)."""
import re

from .crypto import from_base64, leaf, node, sha256, usable, verify

LOG, WITNESS = 1, 4
_SPACE = re.compile("[\\s\u0085\ufeff+]")


def _is_name(name):
    return name != "" and not _SPACE.search(name) and not any(ord(c) < 0x20 for c in name)


def parse_key(text, kind):
    """(name, id, public key), or None."""
    match = re.fullmatch(r"([^+]+)\+([0-9a-f]{8})\+(.+)", text, re.S)
    if not match:
        return None
    name, key_id, typed = match[1], match[2], from_base64(match[3])
    if not _is_name(name) or typed is None or len(typed) != 33 or typed[0] != kind or not usable(typed[1:]):
        return None
    if sha256(name.encode() + b"\n" + typed)[:4].hex() != key_id:
        return None
    return name, key_id, typed[1:]


def _read(note):
    """(text, [(name, id, rest)]), or None."""
    if any(ord(c) < 0x20 and c != "\n" for c in note):
        return None
    blank = note.rfind("\n\n")
    if blank <= 0 or not note.endswith("\n"):
        return None
    lines = note[blank + 2 : -1].split("\n")
    if len(lines) > 100:
        return None
    signatures = []
    for line in lines:
        fields = line[2:].split(" ") if line.startswith("\u2014 ") else []
        if len(fields) != 2 or not _is_name(fields[0]):
            return None
        data = from_base64(fields[1])
        if data is None or len(data) < 5:
            return None
        signatures.append((fields[0], data[:4].hex(), data[4:]))
    return note[: blank + 1], signatures


def open_checkpoint(note, vkey):
    """(size, root) of a checkpoint that the log with this verifier key signed, or None."""
    key, read = parse_key(vkey, LOG), _read(note)
    if not key or not read:
        return None
    text, signatures = read
    own = [rest for name, key_id, rest in signatures if (name, key_id) == key[:2]]
    if not own or not all(verify(each, text.encode(), key[2]) for each in own):
        return None
    origin, size, root, *more = (text[:-1].split("\n") + ["", ""])[: max(3, text.count("\n"))]
    data = from_base64(root)
    if not re.fullmatch("0|[1-9][0-9]{0,15}", size) or int(size) > 2**53 - 1 or data is None or len(data) != 32:
        return None
    if origin != key[0] or "" in more:
        return None
    return int(size), data


def cosigned(note, key):
    read = _read(note)
    if not read:
        return False
    own = [rest for name, key_id, rest in read[1] if (name, key_id) == key[:2]]
    return bool(own) and all(_good(rest, read[0], key[2]) for rest in own)


def _good(rest, text, public):
    if len(rest) != 72:
        return False
    seconds = int.from_bytes(rest[:8], "big")
    message = "cosignature/v1\ntime %d\n%s" % (seconds, text)
    return seconds <= 2**53 - 1 and verify(rest[8:], message.encode(), public)


def proven_root(numbers, texts, size, proof):
    """The root that entries and proof add up to; None where the proof does not fit."""
    rest = iter(proof)
    missing = []

    def walk(start, end, first, last):
        if first == last:
            taken = next(rest, None)
            if taken is None:
                missing.append(True)
                return bytes(32)
            return taken
        if end - start == 1:
            return leaf(texts[first])
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        cut = first
        while cut < last and numbers[cut] < middle:
            cut += 1
        return node(walk(start, middle, first, cut), walk(middle, end, cut, last))

    if size == 0:
        return None
    root = walk(0, size, 0, len(numbers))
    return None if missing or next(rest, None) is not None else root
