"""Governance receipts (format.md, section 9)."""
import re

from .crypto import from_did_key, sha256, verify
from .events import among, either, hash_, integer, is_text, like, maybe
from .shapes import faults
from .strict_json import jcs

ALGORITHM = "Ed25519-SHA256-JCS"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.A)


def time_of(text):
    """Milliseconds since the epoch, or None."""
    from datetime import datetime, timezone

    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        at = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return at.timestamp() * 1000 + (float("0" + text[19:-1]) * 1000 if "." in text else 0)


_uuid = like("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_time = lambda v: time_of(v) is not None
_number = lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)
_maybe_hash = like("(?:[0-9a-f]{64})?")
_RECEIPT = dict(
    receipt_id=_uuid,
    receipt_version=among("1.0"),
    algorithm=is_text,
    timestamp=_time,
    request_id=maybe(either(is_text, _number)),
    method=is_text,
    tool_name=is_text,
    decision=among("PERMITTED", "DENIED"),
    reason=is_text,
    policy_reference=is_text,
    arguments_hash=_maybe_hash,
    previous_receipt_hash=_maybe_hash,
    gateway_id=is_text,
    signature=like("[0-9a-f]{128}"),
    public_key=hash_,
)
_PROOF = dict(leaf_hash=hash_, leaf_index=integer(0), siblings=[hash_], directions=[among("left", "right")], merkle_root=hash_)
_BUNDLE = dict(
    schema_version=among("1.0"),
    bundle_id=_uuid,
    algorithm=is_text,
    generated_at=_time,
    gateway_id=is_text,
    public_key=hash_,
    policy_reference=is_text,
    receipts=[_RECEIPT],
    merkle_root=hash_,
    merkle_proofs=[_PROOF],
    offline_capable=lambda v: v is True,
)


def is_receipts(value):
    return isinstance(value, dict) and "receipts" in value and "merkle_root" in value


def _hash(value):
    return sha256(jcs(value).encode()).hex()


def _directions(index, count):
    found = []
    while count > 1:
        if index % 2:
            found.append("left")
        elif index + 1 < count:
            found.append("right")
        index, count = index // 2, (count + 1) // 2
    return found


def judge(bundle, asked, report):
    """False where the document cannot be read."""
    shape = list(faults(bundle, _BUNDLE))
    for rule in shape:
        report.add("integrity", None, rule)
    if shape:
        return False
    add = lambda place, rule: report.add("integrity", place, rule)
    receipts, proofs = bundle["receipts"], bundle["merkle_proofs"]
    for place, each in [(None, bundle), *enumerate(receipts)]:
        if each["algorithm"] != ALGORITHM:
            add(place, "algorithm")
    if not receipts:
        add(None, "empty")
    if (asked.get("witnesses") or {}).get("quorum", 0) > 0:
        add(None, "witnesses")
    pinned = from_did_key(asked["trust"])
    if pinned is None or pinned.hex() != bundle["public_key"]:
        add(None, "authority")
    seen = set()
    for place, each in enumerate(receipts):
        for name in ("public_key", "gateway_id", "policy_reference"):
            if each[name] != bundle[name]:
                add(place, name)
        if each["receipt_id"] in seen:
            add(place, "receipt_id")
        seen.add(each["receipt_id"])
        if each["tool_name"] == "UNKNOWN" and each["decision"] != "DENIED":
            add(place, "decision")
        unsigned = {name: value for name, value in each.items() if name != "signature"}
        if not verify(bytes.fromhex(each["signature"]), jcs(unsigned).encode(), bytes.fromhex(each["public_key"])):
            add(place, "signature")
        if each["previous_receipt_hash"] != (_hash(receipts[place - 1]) if place else ""):
            add(place, "previous_hash")
    if len(proofs) != len(receipts):
        add(None, "proof")
    for place, (proof, receipt) in enumerate(zip(proofs, receipts)):
        _judge_proof(proof, receipt, place, len(receipts), bundle["merkle_root"], add)
    if asked.get("at") is not None and time_of(bundle["generated_at"]) > asked["at"] + 300_000:
        add(None, "future")
    return True


def _judge_proof(proof, receipt, place, count, root, add):
    if proof["leaf_hash"] != _hash(receipt):
        add(place, "leaf_hash")
    wanted = _directions(place, count)
    if proof["leaf_index"] != place or proof["directions"] != wanted or len(proof["siblings"]) != len(wanted):
        add(place, "proof")
        return
    at = bytes.fromhex(proof["leaf_hash"])
    for sibling, side in zip(map(bytes.fromhex, proof["siblings"]), wanted):
        at = sha256(sibling + at if side == "left" else at + sibling)
    if at.hex() != root or proof["merkle_root"] != root:
        add(place, "root")


