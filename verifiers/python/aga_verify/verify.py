"""The verifier: bytes and what is trusted → three verdicts (format.md, sections 2, 7 and 8)."""
import re

from . import acts, law, note, receipts
from .crypto import from_base64url, from_did_key, leaf, sha256, verify as signed
from .events import Event, b64, hash_, instant, integer, is_entry, is_instant, is_text, shape
from .patterns import Undecided
from .scope import Bad
from .shapes import faults
from .strict_json import Fault, jcs, parse

VERDICTS = ("integrity", "containment", "conduct")
SKEW = 300_000


class Report:
    def __init__(self):
        self.findings = {name: [] for name in VERDICTS}

    def add(self, verdict, number, rule):
        self.findings[verdict].append((number, rule))

    def about(self, number):
        return any(at == number for name in ("integrity", "containment") for at, _ in self.findings[name])

    def unreadable(self):
        for name in VERDICTS[1:]:
            self.add(name, None, "not_judged")
        return self

    @property
    def valid(self):
        return not any(self.findings.values())


_subject = lambda v: shape(artifact_hash=hash_)(v) or shape(first=integer(0), last=integer(0))(v)
_BUNDLE = dict(
    type=lambda v: v == "aga-bundle/v1",
    subject=_subject,
    keys=dict(authority=is_text, log=is_text),
    lineage=[hash_],
    entries=[lambda v: True],
    proof=[hash_],
    checkpoint=is_text,
    seal=dict(time=is_instant, signature=b64(64)),
)


class Entry:
    def __init__(self, value):
        self.value, self.number = value, value["sequence_number"]
        self.time = instant(value["timestamp"])
        self.text = jcs(value).encode()
        self.hash = leaf(self.text)
        try:
            self.event = Event(value["event"])
            self.event.place = (self.number, value["previous_hash"])
        except Bad:
            self.event = None


def verify(data, asked):
    """`asked`: trust, and where given log_key, at (ms), witnesses, arguments. Never raises on bad evidence."""
    report = Report()
    try:
        bundle = parse(data)
    except Fault as fault:
        report.add("integrity", None, fault.rule)
        return report.unreadable()
    if receipts.is_receipts(bundle):
        return report if receipts.judge(bundle, asked, report) else report.unreadable()
    wrong = list(faults(bundle, _BUNDLE))
    for rule in wrong:
        report.add("integrity", None, rule)
    if wrong:
        return report.unreadable()
    if not bundle["entries"]:
        report.add("integrity", None, "empty")
        return report.unreadable()
    strange = [each for each in bundle["entries"] if not is_entry(each)]
    for _ in strange:
        report.add("integrity", None, "entry")
    if strange:
        return report.unreadable()
    entries = [Entry(each) for each in bundle["entries"]]
    for each in entries:
        if each.event is None:
            report.add("integrity", each.number, "event")
    if jcs(bundle).encode() != data:
        report.add("integrity", None, "canonical_form")
    size = _integrity(bundle, entries, asked, report)
    subtree = _belonging(bundle, entries, report)
    complete = len(entries) == size and all(each.number == i for i, each in enumerate(entries))
    _replay(entries, asked, report, lambda artifact: complete or artifact in subtree)
    return report


def _integrity(bundle, entries, asked, report):
    """Answers the size that the checkpoint claims."""
    add = lambda number, rule: report.add("integrity", number, rule)
    ordered, before, latest, link = True, -1, 0, "0" * 64
    for each in entries:
        if each.number <= before:
            ordered = False
            add(each.number, "sequence_number")
        elif each.number == before + 1 and each.value["previous_hash"] != link:
            add(each.number, "previous_hash")
        if each.time < latest:
            add(each.number, "timestamp")
        before, latest, link = each.number, max(latest, each.time), each.hash.hex()
    first = entries[0]
    if first.event is None or first.event.kind != "GENESIS" or first.number != 0:
        add(None, "genesis")
    else:
        _keys(bundle, entries, first.event, ordered, asked, add)
    sealed, last = instant(bundle["seal"]["time"]), entries[-1]
    if last.time > sealed:
        add(last.number, "seal_time")
    if asked.get("at") is not None and sealed > asked["at"] + SKEW:
        add(None, "future")
    if asked.get("witnesses"):
        keys = [note.parse_key(each, note.WITNESS) for each in dict.fromkeys(asked["witnesses"]["keys"])]
        if sum(1 for each in keys if each and note.cosigned(bundle["checkpoint"], each)) < asked["witnesses"]["quorum"]:
            add(None, "witnesses")
    for each in entries:
        if each.event is not None and each.event.artifact is not None and not signed(*each.event.artifact.signed()):
            add(each.number, "signature")
        if each.event is not None and each.event.kind == "ENROLLMENT" and not law.proven(each.event):
            add(each.number, "enrolment")
    claimed = bundle["checkpoint"].split("\n")[1:2]
    return int(claimed[0]) if claimed and re.fullmatch("[0-9]{1,16}", claimed[0]) else None


def _keys(bundle, entries, genesis, ordered, asked, add):
    unsigned = {name: each for name, each in genesis.wire.items() if name != "signature"}
    if not signed(from_base64url(genesis["signature"]), jcs(unsigned).encode(), from_did_key(genesis["authority"])):
        add(0, "genesis")
    if genesis["authority"] != asked["trust"]:
        add(0, "authority")
    keys = [genesis["log_key"]]
    for each in entries:
        if each.event is not None and each.event.kind == "LOG_KEY":
            if law.rotates(each.event, genesis["authority"], keys):
                keys.append(each.event["log_key"])
            else:
                add(each.number, "rotation")
    if asked.get("log_key") is not None and asked["log_key"] not in keys:
        add(0, "log_key")
    if bundle["keys"] != {"authority": genesis["authority"], "log": keys[-1]}:
        add(None, "keys")
    key = note.parse_key(keys[-1], note.LOG)
    for each in entries:
        if key is None or each.value["chain"] != key[0]:
            add(each.number, "chain")
    _tree(bundle, entries, keys[-1], ordered, add)
    rest = {name: each for name, each in bundle.items() if name != "seal"}
    said = {"type": "aga-seal/v1", "bundle": sha256(jcs(rest).encode()).hex(), "time": bundle["seal"]["time"]}
    if key is None or not signed(from_base64url(bundle["seal"]["signature"]), jcs(said).encode(), key[2]):
        add(None, "seal")


def _tree(bundle, entries, vkey, ordered, add):
    head = note.open_checkpoint(bundle["checkpoint"], vkey)
    if head is None:
        add(None, "checkpoint")
    elif ordered and entries[-1].number >= head[0]:
        add(entries[-1].number, "size")
    elif ordered:
        proof = [bytes.fromhex(each) for each in bundle["proof"]]
        root = note.proven_root([each.number for each in entries], [each.text for each in entries], head[0], proof)
        if root != head[1]:
            add(None, "proof" if root is None else "root")


_ALWAYS = ("GENESIS", "LOG_KEY")


def _belonging(bundle, entries, report):
    """Answers the hashes of the subtree."""
    add = lambda number, rule: report.add("integrity", number, rule)
    known = [each for each in entries if each.event is not None and each.event.kind not in _ALWAYS]
    parents = {each.event.artifact.hash: each.event.artifact.parent for each in known if each.event.artifact is not None}

    def lineage(at):
        line = []
        while at in parents and at not in line:
            line.insert(0, at)
            at = parents[at]
        return line

    def is_of(event, above):
        return (event.artifact.hash if event.artifact is not None else event.bears_on()) in above

    subject = bundle["subject"]
    if "artifact_hash" in subject:
        line = lineage(subject["artifact_hash"])
        if not line:
            add(None, "subject")
        if line != bundle["lineage"]:
            add(None, "lineage")
        subtree, above = {subject["artifact_hash"]}, set(line) - {subject["artifact_hash"]}
        for made, parent in parents.items():
            if parent in subtree:
                subtree.add(made)
        for each in known:
            if not subtree & set(each.event.names()) and not is_of(each.event, above):
                add(each.number, "foreign_entry")
        return subtree
    first, last = subject["first"], subject["last"]
    if bundle["lineage"]:
        add(None, "lineage")
    run = [each for each in entries if first <= each.number <= last]
    if len(run) != last - first + 1:
        add(None, "subject")
    above = {each for entry in run if entry in known for name in entry.event.names() for each in lineage(name)}
    for each in entries:
        foreign = each.event is None or each.event.kind != "LOG_KEY"
        if (each.number > last and foreign) or (each.number < first and each in known and not is_of(each.event, above)):
            add(each.number, "foreign_entry")
    return set()


_CONTINUING = {"SPEND_SETTLED": "artifact_hash", "JOB_EVENT": "child_artifact_hash", "JOB_ENDED": "child_artifact_hash"}


def _replay(entries, asked, report, whole):
    state = law.State()
    disclosed = {sha256(jcs(each).encode()).hex(): each for each in asked.get("arguments") or []}
    for each in entries:
        event = each.event
        if event is None:
            continue
        state.advance(each.time)
        try:
            if event.artifact is not None:
                _link(state, event.artifact, each.number, report)
            member = _CONTINUING.get(event.kind)
            lawful = (member is not None and not whole(event[member])) or _lawful(state, event, each.number, report)
            grant = state.grants.get(event["artifact_hash"]) if event.kind == "DECISION" else None
            if lawful and grant is not None:
                broken = acts.judge(event, grant, state.time, disclosed, whole)
                if broken:
                    report.add("conduct", each.number, broken)
        except Undecided:
            report.add("conduct", each.number, "unsupported")
        law.evolve(state, event)


def _link(state, artifact, number, report):
    parent = None if artifact.parent is None else state.grants.get(artifact.parent)
    if artifact.parent is not None and parent is None:
        report.add("containment", number, "parent")
        return
    authority = state.authority or ""
    found = law.breaches(artifact, parent, authority) if parent else law.root_breaches(artifact, authority)
    for rule, _ in found:
        if rule != "signature":
            report.add("containment", number, rule)


def _lawful(state, event, number, report):
    try:
        law.check(state, event, number)
        return True
    except law.No as no:
        if not report.about(number):
            report.add("conduct", number, "law.%s" % no.code)
        return False
