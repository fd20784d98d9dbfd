"""Entries, events and artifacts: their shapes, and whom they name (format.md, sections 3 to 5)."""
import re
import unicodedata
from datetime import datetime, timezone

from .crypto import from_base64url, from_did_key, sha256
from .scope import Bad, MEASUREMENTS, TRIGGERS, check_scope, need
from .strict_json import depth_of, is_int, jcs, length

BINDINGS = ["handle", "bearer", "hook", "process", "proof"]
CODES = set(
    "INVALID_REQUEST UNAUTHENTICATED TOKEN_INVALID PERMISSION_DENIED LEASE_SUBSET_VIOLATION NOT_OPERATOR DEPTH_EXCEEDED FANOUT_EXCEEDED LEASE_EXPIRED "
    "ARTIFACT_REVOKED SUSPENDED BUDGET_EXHAUSTED LIMIT_EXCEEDED ARTIFACT_NOT_FOUND JOB_NOT_FOUND AGENT_NOT_AVAILABLE AGENT_VERSION_NOT_AVAILABLE NO_ARTIFACT "
    "DUPLICATE_KEY TOKEN_USED CANCELLED TIMEOUT UPSTREAM_FAILED NAME_TAKEN RATE_LIMITED NOT_FOUND METHOD_NOT_ALLOWED REQUEST_TIMEOUT PAYLOAD_TOO_LARGE "
    "UNSUPPORTED_MEDIA_TYPE CHAIN_CONTENDED CHAIN_BROKEN INTERNAL".split()
)
_BIDI = set("\u061c\u200e\u200f\u2028\u2029") | {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


# `datetime` knows no year 0: it is read as the year 400, since calendars repeat after so many seconds.
CYCLE, YEAR_ONE = 146097 * 86400, -62135596800000


def instant(text):
    """Milliseconds since the epoch, or None."""
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text, re.A):
        return None
    early = text.startswith("0000")
    try:
        at = datetime.strptime(("0400" if early else text[:4]) + text[4:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return (int(at.timestamp()) - (CYCLE if early else 0)) * 1000 + int(text[20:23])


def written(ms):
    early = ms < YEAR_ONE
    at = datetime.fromtimestamp(ms // 1000 + (CYCLE if early else 0), timezone.utc)
    return "%04d" % (at.year - 400 * early) + at.strftime("-%m-%dT%H:%M:%S") + ".%03dZ" % (ms % 1000)


# Tests of single values.


def text(most, least=0):
    return lambda v: isinstance(v, str) and least <= length(v) <= most


def label(most):
    return lambda v: isinstance(v, str) and 1 <= length(v) <= most and not any(c in _BIDI or unicodedata.category(c) == "Cc" for c in v)


def integer(least, most=2**53 - 1):
    return lambda v: is_int(v) and least <= v <= most


def like(pattern):
    compiled = re.compile(pattern, re.A)
    return lambda v: isinstance(v, str) and compiled.fullmatch(v) is not None


def among(*values):
    return lambda v: isinstance(v, str) and v in values


def maybe(test):
    return lambda v: v is None or test(v)


def either(*tests):
    return lambda v: any(test(v) for test in tests)


def listed(test, most=None):
    return lambda v: isinstance(v, list) and (most is None or len(v) <= most) and all(map(test, v))


def shape(**members):
    return lambda v: isinstance(v, dict) and set(v) == set(members) and all(test(v[name]) for name, test in members.items())


def anything(_):
    return True


def boolean(v):
    return isinstance(v, bool)


def is_text(v):
    return isinstance(v, str)


hash_ = like("[0-9a-f]{64}")
digest = like("(?:[0-9a-f]{64})?")
agent_id = like("[0-9a-f]{32}")
request = maybe(shape(key=hash_, input=hash_))
caller = among("operator", *BINDINGS)
code = lambda v: isinstance(v, str) and v in CODES
levels = listed(shape(artifact_hash=hash_, depth=integer(-(2**53) + 1), amounts=listed(text(64), 32)))
reservation = like("[A-Za-z0-9_-]{22}")
is_instant = lambda v: instant(v) is not None
key = lambda v: from_did_key(v) is not None
b64 = lambda count: lambda v: isinstance(v, str) and len(from_base64url(v) or b"") == count

_NAMES = listed(is_text)
SHAPES = {
    "GENESIS": dict(authority=is_text, log_key=is_text, signature=is_text),
    "ARTIFACT_CREATED": dict(artifact_hash=hash_, artifact=anything, request=request),
    "DELEGATION": dict(
        sub_agent_id=is_text,
        parent_artifact_hash=hash_,
        child_artifact_hash=hash_,
        effective_ttl=integer(-(2**53) + 1),
        scope_reduction=shape(tools_removed=_NAMES, permissions_removed=_NAMES, triggers_removed=_NAMES, measurement_types_removed=_NAMES),
        permitted_tools=_NAMES,
        purpose=is_text,
        artifact=anything,
        enroll=boolean,
        request=request,
    ),
    "ENROLLMENT": dict(artifact_hash=hash_, token_id=agent_id, holder=is_text, proof=is_text),
    "REVOCATION": dict(artifact_hash=hash_, reason=label(1024), by=maybe(hash_)),
    "EXPIRY": dict(artifact_hash=hash_),
    "REFUSAL": dict(code=code, artifact_hash=maybe(hash_), binding=caller, tool=text(64)),
    "DECISION": dict(
        artifact_hash=maybe(hash_),
        verdict=among("permit", "refuse"),
        code=maybe(code),
        refused_by=maybe(hash_),
        capability=text(128),
        tool=maybe(text(1024)),
        arguments_digest=digest,
        request_id=maybe(either(text(256), is_int)),
        binding=caller,
        mode=among("enforce", "shadow"),
    ),
    "MEASUREMENT": dict(artifact_hash=hash_, measurement_type=among(*MEASUREMENTS), subject=text(256, 1), digest=digest, pinned=digest, drift=boolean, measured=boolean),
    "TRIGGER": dict(artifact_hash=hash_, trigger=among(*TRIGGERS, "RESUME"), cause=text(256, 1)),
    "SPEND_RESERVED": dict(artifact_hash=hash_, reservation_id=reservation, amounts=listed(text(64), 32), expires_at=is_instant, remaining=levels, request=request),
    "SPEND_SETTLED": dict(artifact_hash=hash_, reservation_id=reservation, by=hash_, outcome=among("settled", "released"), amounts=listed(text(64), 32), remaining=levels, request=request),
    "JOB_ACCEPTED": dict(
        job_id=agent_id,
        agent=text(128, 1),
        artifact_hash=hash_,
        child_artifact_hash=hash_,
        input_digest=hash_,
        supervisor=text(64),
        traceparent=maybe(like("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")),
        request=request,
    ),
    "JOB_EVENT": dict(
        job_id=agent_id,
        child_artifact_hash=hash_,
        event_number=integer(2),
        event_kind=among("status", "progress", "log", "delegate"),
        digest=digest,
        delegated=maybe(shape(agent=text(128), job_id=agent_id)),
    ),
    "JOB_ENDED": dict(job_id=agent_id, child_artifact_hash=hash_, event_number=integer(2), state=among("success", "error", "cancelled", "timed_out"), code=maybe(label(64)), digest=digest),
    "LOG_KEY": dict(log_key=is_text, previous_log_key=is_text, reason=label(1024), signature=is_text, possession=is_text),
}
# Members that may be absent.
OPTIONAL = {"JOB_ACCEPTED": dict(budget_exhausted=among("end"))}
_NAMED = {"ARTIFACT_CREATED": ["artifact_hash"], "DELEGATION": ["child_artifact_hash", "parent_artifact_hash"], "JOB_ACCEPTED": ["artifact_hash", "child_artifact_hash"], "JOB_EVENT": ["child_artifact_hash"], "JOB_ENDED": ["child_artifact_hash"], "GENESIS": [], "LOG_KEY": []}
BEARS_ON = {"ENROLLMENT": "artifact_hash", "REVOCATION": "artifact_hash", "EXPIRY": "artifact_hash", "TRIGGER": "artifact_hash", "JOB_ACCEPTED": "child_artifact_hash", "JOB_ENDED": "child_artifact_hash"}

_ARTIFACT = shape(
    type=among("aga-artifact/v1"),
    authority=key,
    parent=maybe(hash_),
    depth=integer(0, 32),
    issuer=key,
    holder=maybe(key),
    subject=label(128),
    purpose=label(1024),
    nonce=b64(16),
    issued_at=is_instant,
    expires_at=is_instant,
    scope=anything,
    terms=shape(preset=maybe(label(64)), min_binding=among(*BINDINGS), budget_mode=maybe(among("slice", "pool"))),
    delegation=shape(max_depth=integer(0, 32), max_children=integer(0, 100000)),
    signature=b64(64),
)


class Artifact:
    def __init__(self, value):
        need(_ARTIFACT(value), "not an artifact")
        check_scope(value["scope"])
        self.value = value
        self.hash = sha256(jcs(value).encode()).hex()
        self.issued, self.expires = instant(value["issued_at"]), instant(value["expires_at"])

    def __getattr__(self, name):
        return self.value[name]

    def signed(self):
        unsigned = {name: each for name, each in self.value.items() if name != "signature"}
        return from_base64url(self.value["signature"]), jcs(unsigned).encode(), from_did_key(self.value["issuer"])


def is_entry(value):
    good = shape(
        type=among("aga-entry/v1"),
        chain=lambda v: isinstance(v, str) and v != "",
        sequence_number=integer(0),
        timestamp=is_instant,
        previous_hash=hash_,
        event=lambda v: isinstance(v, dict) and isinstance(v.get("kind"), str) and re.fullmatch("[A-Z]+(?:_[A-Z]+)*", v["kind"]) is not None,
    )
    return good(value) and depth_of(value) <= 64


class Event:
    """An event that decodes. Raises Bad."""

    def __init__(self, wire):
        kind = wire["kind"]
        need(kind in SHAPES, "an unknown kind")
        members = {name: each for name, each in wire.items() if name != "kind"}
        optional = {name: test for name, test in OPTIONAL.get(kind, {}).items() if name in members}
        need(shape(**SHAPES[kind], **optional)(members), "not a %s" % kind)
        self.kind, self.wire, self.artifact = kind, wire, None
        self.place = (None, None)  # number and previous_hash of its entry
        if kind in ("ARTIFACT_CREATED", "DELEGATION"):
            self.artifact = Artifact(wire["artifact"])
        if kind == "ARTIFACT_CREATED":
            need(wire["artifact_hash"] == self.artifact.hash, "another hash")
        if kind == "DELEGATION":
            self._same_as_artifact()

    def _same_as_artifact(self):
        made, wire = self.artifact, self.wire
        said = {
            "sub_agent_id": made.subject,
            "parent_artifact_hash": made.parent,
            "child_artifact_hash": made.hash,
            "effective_ttl": (made.expires - made.issued) // 1000,
            "permitted_tools": made.scope["permissions"].get("tool.call", []),
            "purpose": made.purpose,
        }
        need(all(wire[name] == each for name, each in said.items()), "the event says something else than its artifact")

    def __getitem__(self, name):
        return self.wire[name]

    def names(self):
        named = _NAMED.get(self.kind, ["artifact_hash"])
        if self.kind in ("ARTIFACT_CREATED",):
            return [self.artifact.hash]
        return [self.wire[name] for name in named if self.wire[name] is not None]

    def bears_on(self):
        return self.wire[BEARS_ON[self.kind]] if self.kind in BEARS_ON else None


__all__ = ["Artifact", "Bad", "Event", "is_entry"]
