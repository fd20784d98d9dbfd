"""SHA-256 trees, Ed25519 by the one rule, and the encodings (format.md, sections 1 and 2)."""
import base64
import functools
import hashlib
import re


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf(data):
    return sha256(b"\x00" + data)


def node(left, right):
    return sha256(b"\x01" + left + right)


def from_base64url(text):
    """None for everything that is not the one spelling."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else None


def from_base64(text):
    if not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text) or len(text) % 4:
        return None
    data = base64.b64decode(text)
    return data if base64.b64encode(data).decode() == text else None


_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def from_did_key(text):
    """The 32 bytes of an Ed25519 did:key, or None."""
    if not isinstance(text, str) or len(text) != 56 or not text.startswith("did:key:z"):
        return None
    value = 0
    for c in text[9:]:
        at = _B58.find(c)
        if at < 0:
            return None
        value = value * 58 + at
    if value >= 1 << 272:
        return None
    data = value.to_bytes(34, "big")
    if data[:2] != b"\xed\x01" or text[9] == "1":
        return None
    return data[2:] if usable(data[2:]) else None


# Ed25519, RFC 8032 section 5.1, in extended coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)
_SMALL = {
    bytes.fromhex(each)
    for each in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    )
}


def usable(point):
    """Canonical and not of small order; whether it is on the curve is asked later."""
    if len(point) != 32:
        return False
    y = point[:31] + bytes([point[31] & 0x7F])
    return int.from_bytes(y, "little") < P and y not in _SMALL


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(s, p):
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = _add(q, p)
        p = _add(p, p)
        s >>= 1
    return q


def _decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * _SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def _encode(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | ((x & 1) << 255)).to_bytes(32, "little")


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE = _decode(_BASE_Y.to_bytes(32, "little"))


@functools.lru_cache(maxsize=1 << 16)
def verify(signature, message, key):
    """The one rule: no cofactor, and what is malformed is invalid."""
    if signature is None or key is None or len(signature) != 64 or not usable(key) or not usable(signature[:32]):
        return False
    s = int.from_bytes(signature[32:], "little")
    a = _decode(key)
    if s >= L or a is None:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    minus = (P - a[0], a[1], 1, P - a[3])
    return _encode(_add(_multiply(s, _BASE), _multiply(k, minus))) == signature[:32]
