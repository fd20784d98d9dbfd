"""The law: what a chain adds up to, and what may happen on it (format.md, section 7)."""
from . import note
from .crypto import from_base64url, from_did_key, verify
from .events import BINDINGS, instant, written
from .patterns import Budget, Malformed, language
from .scope import exceeds, refuses_tool
from .strict_json import jcs

MINUTE, SKEW, FORGET, RESERVED, JOBS = 60_000, 300_000, 600_000, 900_000, 86_400_000
_MONEY = Budget()


class No(Exception):
    """The law does not allow it."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def need(good, code="INVALID_REQUEST"):
    if not good:
        raise No(code)


class Account:
    def __init__(self):
        self.spent, self.held, self.closed = {}, {}, False


class Grant:
    def __init__(self, artifact, parent, enroll):
        self.artifact, self.parent, self.enroll = artifact, parent, enroll
        self.hash, self.scope = artifact.hash, artifact.scope
        self.expires, self.holder = artifact.expires, artifact.holder
        self.revoked = self.expired = self.noted = False
        self.live_children = 0
        self.calls, self.recent = 0, []
        self.suspended, self.isolated = None, False
        self.account = None
        self.sliced = artifact.terms["budget_mode"] == "slice"

    def lineage(self):
        line, at = [], self
        while at:
            line.insert(0, at)
            at = at.parent
        return line

    def ended(self, time):
        for at in self.lineage():
            if at.revoked:
                return "ARTIFACT_REVOKED", at
            if at.expires <= time:
                return "LEASE_EXPIRED", at
        return None

    def halted(self, time):
        over = self.ended(time)
        if over:
            return over
        for at in self.lineage():
            if at.suspended == "subtree" or (at.suspended == "alone" and at is self):
                return "SUSPENDED", at
        return None

    def used_up(self, time):
        """Whether a limit of this artifact itself is."""
        limits = self.scope["limits"]
        lately = sum(1 for at in self.recent if at + MINUTE > time)
        return self.calls >= limits.get("calls", self.calls + 1) or lately >= limits.get("calls_per_minute", lately + 1)

    # Money.

    def cap(self):
        listed = self.scope["permissions"].get("cost.budget")
        if listed is None:
            return {} if self.sliced else None
        return _MONEY.money(listed)

    def drawn_on(self):
        at = self
        while at:
            yield at
            at = None if at.sliced else at.parent

    def rest(self, currency):
        cap = self.cap()
        if cap is None:
            return None
        account = self.account or Account()
        return cap.get(currency, 0) - account.spent.get(currency, 0) - account.held.get(currency, 0)

    def left(self):
        nearest = next((at.cap() for at in reversed(self.lineage()) if at.cap() is not None), {})
        found = {}
        for currency in nearest:
            rests = [rest for rest in (at.rest(currency) for at in self.drawn_on()) if rest is not None]
            found[currency] = max(0, min(rests)) if rests else 0
        return found


def _add(to, money, sign=1):
    for currency, value in money.items():
        to[currency] = to.get(currency, 0) + sign * value


def hold(grant, money):
    for at in grant.drawn_on():
        if at.account and at.account.closed:
            return
        at.account = at.account or Account()
        _add(at.account.held, money)


def settle(grant, held, spent):
    freed, at = held, grant
    while at:
        if at.account and at.account.closed:
            return
        at.account = at.account or Account()
        _add(at.account.held, freed, -1)
        _add(at.account.spent, spent)
        if at.sliced:
            freed = spent
        at = at.parent


def close(grant):
    account = grant.account
    if not account or account.closed:
        return
    account.closed = True
    rest = dict(grant.cap() or {}) if grant.sliced else dict(account.held)
    if grant.sliced:
        _add(rest, account.spent, -1)
    for at in grant.parent.drawn_on() if grant.parent else []:
        if at.account and at.account.closed:
            return
        if at.account:
            _add(at.account.held, rest, -1)


def over_budget(grant, money):
    left = grant.left()
    if any(currency not in left for currency in money):
        return "PERMISSION_DENIED"
    for at in grant.drawn_on():
        for currency, value in money.items():
            rest = at.rest(currency)
            if rest is not None and value > rest:
                return "BUDGET_EXHAUSTED"
    return None


def amounts(texts):
    try:
        normal = _MONEY.normal(texts)
    except Malformed:
        raise No("INVALID_REQUEST") from None
    need(normal == texts)
    return _MONEY.money(texts)


class State:
    def __init__(self):
        self.authority, self.log_keys = None, []
        self.time = 0
        self.grants, self.live, self.gone = {}, [], []
        self.refusals, self.pins, self.banned = {}, {}, set()
        self.reservations, self.jobs = {}, {}

    def advance(self, time):
        if time <= self.time:
            return
        self.time = time
        for grant in sorted((each for each in self.live if each.expires <= time), key=lambda each: each.expires):
            self.live.remove(grant)
            if grant.parent and not grant.revoked:
                grant.parent.live_children -= 1
            close(grant)
            self.gone.append(grant)
        for name in [name for name, (_, _, expires) in self.reservations.items() if expires <= time]:
            self.end_reservation(name, {})
        for name in [name for name, job in self.jobs.items() if job["ended"] is not None and job["ended"] + JOBS <= time]:
            del self.jobs[name]
        while self.gone and self.gone[0].expires + FORGET <= time:
            grant = self.gone.pop(0)
            self.grants.pop(grant.hash, None)
            self.refusals.pop(grant.hash, None)

    def admit(self, artifact, enroll):
        parent = None
        if artifact.parent is not None:
            parent = self.grants.get(artifact.parent)
            if parent is None:
                return
        grant = Grant(artifact, parent, enroll)
        self.grants[grant.hash] = grant
        if grant.expires <= self.time:
            self.gone.append(grant)
        else:
            if parent:
                parent.live_children += 1
            self.live.append(grant)
        if grant.sliced:
            grant.account = Account()
            if parent:
                hold(parent, grant.cap() or {})
        if grant.holder in self.banned:
            self.revoke(grant)

    def revoke(self, grant):
        if grant.revoked:
            return
        grant.revoked = True
        close(grant)
        if grant.parent and grant.expires > self.time:
            grant.parent.live_children -= 1

    def ban(self, holder):
        self.banned.add(holder)
        for grant in list(self.grants.values()):
            if grant.holder == holder:
                self.revoke(grant)

    def end_reservation(self, name, spent):
        if name not in self.reservations:
            return
        owner, held, _ = self.reservations.pop(name)
        if owner in self.grants:
            settle(self.grants[owner], held, spent)

    def find(self, hash_):
        need(hash_ in self.grants, "ARTIFACT_NOT_FOUND")
        return self.grants[hash_]

    def awake(self, hash_):
        grant = self.find(hash_)
        over = grant.halted(self.time)
        need(over is None, over and over[0])
        return grant


# Links (section 5.1).

CODES = {"agent.delegate": "PERMISSION_DENIED", "max_depth": "DEPTH_EXCEEDED", "scope": "LEASE_SUBSET_VIOLATION", "min_binding": "LEASE_SUBSET_VIOLATION"}


def root_breaches(artifact, authority):
    found = []
    if artifact.authority != authority or artifact.issuer != authority:
        found.append(("issuer", "INVALID_REQUEST"))
    if artifact.parent is not None or artifact.depth != 0:
        found.append(("parent", "INVALID_REQUEST"))
    if not verify(*artifact.signed()):
        found.append(("signature", "INVALID_REQUEST"))
    if artifact.issued >= artifact.expires:
        found.append(("expires_at", "INVALID_REQUEST"))
    return found


def breaches(artifact, parent, authority):
    found = []

    def broken(good, rule, code="INVALID_REQUEST"):
        if not good:
            found.append((rule, code))

    above = parent.artifact
    broken(artifact.authority == authority, "authority")
    broken(artifact.depth == above.depth + 1, "depth")
    broken(artifact.issuer in (authority, parent.holder), "issuer")
    broken(verify(*artifact.signed()), "signature")
    try:
        denied = language("agent.delegate").refuses(parent.scope["permissions"].get("agent.delegate", []), artifact.subject)
        broken(not denied, "agent.delegate", "PERMISSION_DENIED")
        if not denied:
            broken(above.delegation["max_depth"] > 0, "max_depth", "DEPTH_EXCEEDED")
    except Malformed:
        broken(False, "agent.delegate")
    broken(artifact.issued < artifact.expires, "expires_at")
    broken(artifact.delegation["max_depth"] < above.delegation["max_depth"], "max_depth", "DEPTH_EXCEEDED")
    scopes = [each.scope for each in reversed(parent.lineage()[:-1])]
    broken(not exceeds(artifact.scope, parent.scope, scopes), "scope", "LEASE_SUBSET_VIOLATION")
    weaker = BINDINGS.index(artifact.terms["min_binding"]) < BINDINGS.index(above.terms["min_binding"])
    broken(not weaker, "min_binding", "LEASE_SUBSET_VIOLATION")
    broken(artifact.expires <= above.expires, "expires_at", "LEASE_SUBSET_VIOLATION")
    return found


def _timed(artifact, time):
    need(artifact.expires > time, "LEASE_EXPIRED")
    need(artifact.issued <= time + SKEW)


def _reduction(child, parent):
    def gone(theirs, ours):
        return [each for each in theirs if each not in ours]

    theirs, ours = parent["permissions"], child["permissions"]
    others = sorted(name for name in theirs if name != "tool.call")
    return {
        "tools_removed": gone(theirs.get("tool.call", []), ours.get("tool.call", [])),
        "permissions_removed": ["%s %s" % (name, each) for name in others for each in gone(theirs[name], ours.get(name, []))],
        "triggers_removed": gone(parent["enforcement_triggers"], child["enforcement_triggers"]),
        "measurement_types_removed": gone(parent["measurement_types"], child["measurement_types"]),
    }


def _levels(said, grant, change):
    """Whether `remaining` is no more than what is left, with `change` added at the levels drawn on."""
    line, drawn = grant.lineage(), list(grant.drawn_on())
    need(len(said) == len(line))
    for level, at in zip(said, line):
        left = at.left()
        if at in drawn:
            left = {currency: value + change.get(currency, 0) for currency, value in left.items()}
        told = amounts(level["amounts"])
        need(level["artifact_hash"] == at.hash and level["depth"] == at.artifact.depth)
        need(set(told) == set(left) and all(value <= left[currency] for currency, value in told.items()))


# One check and one effect for each kind; both take the state, the event and the number of its entry.


def _genesis(state, event, number):
    unsigned = {name: each for name, each in event.wire.items() if name != "signature"}
    need(number == 0 and state.authority is None)
    need(verify(from_base64url(event["signature"]), jcs(unsigned).encode(), from_did_key(event["authority"])))


def _genesis_effect(state, event):
    if state.authority is None:
        state.authority, state.log_keys = event["authority"], [event["log_key"]]


def rotates(event, authority, keys):
    """Whether the log goes over to the key that the event names; `keys` are those until now."""
    key, now = note.parse_key(event["log_key"], note.LOG), note.parse_key(keys[-1], note.LOG)
    if event["previous_log_key"] != keys[-1] or not key or not now or key[0] != now[0] or event["log_key"] in keys:
        return False
    number, previous_hash = event.place
    said = {name: event[name] for name in ("log_key", "previous_log_key", "reason")}
    said.update(type="aga-log-key/v1", chain=key[0], sequence_number=number, previous_hash=previous_hash)
    signed = lambda member, by: verify(from_base64url(event[member]), jcs(said).encode(), by)
    return signed("signature", from_did_key(authority)) and signed("possession", key[2])


def _log_key(state, event, number):
    need(rotates(event, state.authority, state.log_keys))


def _log_key_effect(state, event):
    if state.authority is not None and rotates(event, state.authority, state.log_keys):
        state.log_keys.append(event["log_key"])


def _created(state, event, number):
    found = root_breaches(event.artifact, state.authority)
    need(not found)
    _timed(event.artifact, state.time)
    need(event.artifact.hash not in state.grants)


def _delegation(state, event, number):
    artifact = event.artifact
    parent = state.awake(artifact.parent or "")
    found = breaches(artifact, parent, state.authority)
    need(not found, found and found[0][1])
    _timed(artifact, state.time)
    need(artifact.hash not in state.grants)
    need(parent.live_children < parent.artifact.delegation["max_children"], "FANOUT_EXCEEDED")
    asked = artifact.scope["permissions"].get("cost.budget")
    if asked is not None:
        no = over_budget(parent, _MONEY.money(asked))
        need(no is None, no)
    else:
        need(artifact.terms["budget_mode"] != "slice")
    need(event["scope_reduction"] == _reduction(artifact.scope, parent.scope))


def _enrollment(state, event, number):
    grant = state.awake(event["artifact_hash"])
    need(grant.enroll and event["token_id"] == grant.hash[:32])
    need(event["holder"] not in state.banned, "PERMISSION_DENIED")
    need(grant.holder is None, "TOKEN_USED")
    need(proven(event))


def proven(event):
    said = {"type": "aga-enroll/v1", "token_id": event["token_id"], "holder": event["holder"]}
    return verify(from_base64url(event["proof"]), jcs(said).encode(), from_did_key(event["holder"]))


def _enrollment_effect(state, event):
    if event["artifact_hash"] in state.grants:
        state.grants[event["artifact_hash"]].holder = event["holder"]


def _revocation(state, event, number):
    grant = state.find(event["artifact_hash"])
    if event["by"] is not None:
        need(event["by"] in [each.hash for each in grant.lineage()], "ARTIFACT_NOT_FOUND")
        state.awake(event["by"])
    need(not grant.revoked, "ARTIFACT_REVOKED")


def _revocation_effect(state, event):
    if event["artifact_hash"] in state.grants:
        state.revoke(state.grants[event["artifact_hash"]])


def _expiry(state, event, number):
    grant = state.find(event["artifact_hash"])
    need(grant.expires <= state.time and not grant.noted)


def _expiry_effect(state, event):
    if event["artifact_hash"] in state.grants:
        state.grants[event["artifact_hash"]].noted = True


def _refusal(state, event, number):
    if event["artifact_hash"] is not None:
        state.find(event["artifact_hash"])
    times = state.refusals.get(event["artifact_hash"], [])
    need(len(times) < 60 or times[-60] + MINUTE <= state.time, "LIMIT_EXCEEDED")


def _refusal_effect(state, event):
    state.refusals.setdefault(event["artifact_hash"], []).append(state.time)


def _decision(state, event, number):
    need((event["verdict"] == "permit") == (event["code"] is None))
    if event["verdict"] == "refuse":
        return
    grant = state.awake(event["artifact_hash"] or "")
    if event["tool"] is None:
        return
    for at in grant.lineage():
        no = refuses_tool(at.scope, event["capability"], event["tool"])
        need(no is None, no)
    need(not any(at.used_up(state.time) for at in grant.lineage()), "LIMIT_EXCEEDED")


def _decision_effect(state, event):
    grant = state.grants.get(event["artifact_hash"])
    if grant and event["verdict"] == "permit" and event["tool"] is not None:
        for at in grant.lineage():
            if at.scope["limits"]:
                at.calls += 1
                at.recent.append(state.time)


def _measurement(state, event, number):
    state.find(event["artifact_hash"])
    measured = event["measured"]
    need(measured == (event["digest"] != ""))
    need(event["drift"] == (measured and event["pinned"] != event["digest"]))
    pin = state.pins.get((event["measurement_type"], event["subject"]))
    need(not measured or pin is None or pin == event["pinned"])


def _measurement_effect(state, event):
    if event["measured"]:
        state.pins.setdefault((event["measurement_type"], event["subject"]), event["pinned"])


def _trigger(state, event, number):
    grant = state.find(event["artifact_hash"])
    duties = {each for at in grant.lineage() for each in at.scope["enforcement_triggers"]}
    need(event["trigger"] == "RESUME" or event["trigger"] in duties)


def _trigger_effect(state, event):
    grant, name = state.grants.get(event["artifact_hash"]), event["trigger"]
    if not grant:
        return
    if name == "QUARANTINE":
        grant.suspended = grant.suspended or "alone"
    elif name == "SAFE_STATE":
        grant.suspended = "subtree"
    elif name == "NETWORK_ISOLATE":
        grant.isolated = True
    elif name in ("TOKEN_INVALIDATE", "TERMINATE"):
        state.revoke(grant)
    elif name == "KEY_REVOKE" and grant.holder is not None:
        state.ban(grant.holder)
    elif name == "RESUME":
        grant.suspended, grant.isolated = None, False


def _moved(texts):
    """What an event moves, lawful or not; None where its amounts cannot be read."""
    try:
        _MONEY.normal(texts)
    except Malformed:
        return None
    return _MONEY.money(texts)


def _reserved(state, event, number):
    grant = state.awake(event["artifact_hash"])
    money = amounts(event["amounts"])
    need(any(value > 0 for value in money.values()))
    no = over_budget(grant, money)
    need(no is None, no)
    need(event["reservation_id"] not in state.reservations)
    need(event["expires_at"] == written(min([state.time + RESERVED] + [at.expires for at in grant.lineage()])))
    _levels(event["remaining"], grant, {currency: -value for currency, value in money.items()})


def _reserved_effect(state, event):
    grant = state.grants.get(event["artifact_hash"])
    money = _moved(event["amounts"])
    if grant and money is not None:
        hold(grant, money)
        state.reservations[event["reservation_id"]] = (grant.hash, money, instant(event["expires_at"]))


def _settled(state, event, number):
    grant, settler = state.find(event["artifact_hash"]), state.find(event["by"])
    owner, held, _ = state.reservations.get(event["reservation_id"], (None, None, None))
    need(owner == grant.hash, "ARTIFACT_NOT_FOUND")
    need(grant in settler.lineage(), "PERMISSION_DENIED")
    over = settler.ended(state.time)
    need(over is None, over and over[0])
    spent = amounts(event["amounts"])
    need(event["outcome"] == "settled" or not spent)
    need(all(value <= held.get(currency, 0) for currency, value in spent.items()), "BUDGET_EXHAUSTED")
    _levels(event["remaining"], grant, {currency: value - spent.get(currency, 0) for currency, value in held.items()})


def _settled_effect(state, event):
    spent = _moved(event["amounts"])
    if spent is not None:
        state.end_reservation(event["reservation_id"], spent)


def _accepted(state, event, number):
    child = state.awake(event["child_artifact_hash"])
    need(child.parent is not None and child.parent.hash == event["artifact_hash"] and child.artifact.subject == event["agent"])
    need(event["job_id"] == child.hash[:32] and event["job_id"] not in state.jobs)


def _accepted_effect(state, event):
    if event["child_artifact_hash"] in state.grants:
        state.jobs[event["job_id"]] = {"artifact": event["child_artifact_hash"], "events": 1, "state": "pending", "ended": None}


def _open_job(state, event):
    job = state.jobs.get(event["job_id"])
    need(job is not None and job["artifact"] == event["child_artifact_hash"], "JOB_NOT_FOUND")
    need(job["ended"] is None and event["event_number"] == job["events"] + 1)
    return job


def _alive(state, job):
    grant = state.grants.get(job["artifact"])
    return grant is not None and grant.ended(state.time) is None


def _job_event(state, event, number):
    job = _open_job(state, event)
    need((event["event_kind"] == "delegate") == (event["delegated"] is not None))
    if event["event_kind"] == "status":
        need(job["state"] == "pending" and _alive(state, job))


def _job_event_effect(state, event):
    job = state.jobs.get(event["job_id"])
    if job:
        job["events"] = event["event_number"]
        if event["event_kind"] == "status" and job["ended"] is None:
            job["state"] = "running"


def _job_ended(state, event, number):
    job = _open_job(state, event)
    need((event["state"] == "success") == (event["code"] is None))
    need(event["state"] != "success" or _alive(state, job))


def _job_ended_effect(state, event):
    job = state.jobs.get(event["job_id"])
    if not job:
        return
    job["events"] = event["event_number"]
    if job["ended"] is None:
        job["state"], job["ended"] = event["state"], state.time
    if _alive(state, job):
        state.revoke(state.grants[job["artifact"]])


def _admit(state, event):
    enroll = event["enroll"] if event.kind == "DELEGATION" else False
    state.admit(event.artifact, enroll)


KINDS = {
    "GENESIS": (_genesis, _genesis_effect),
    "ARTIFACT_CREATED": (_created, _admit),
    "DELEGATION": (_delegation, _admit),
    "ENROLLMENT": (_enrollment, _enrollment_effect),
    "REVOCATION": (_revocation, _revocation_effect),
    "EXPIRY": (_expiry, _expiry_effect),
    "REFUSAL": (_refusal, _refusal_effect),
    "DECISION": (_decision, _decision_effect),
    "MEASUREMENT": (_measurement, _measurement_effect),
    "TRIGGER": (_trigger, _trigger_effect),
    "SPEND_RESERVED": (_reserved, _reserved_effect),
    "SPEND_SETTLED": (_settled, _settled_effect),
    "JOB_ACCEPTED": (_accepted, _accepted_effect),
    "JOB_EVENT": (_job_event, _job_event_effect),
    "JOB_ENDED": (_job_ended, _job_ended_effect),
    "LOG_KEY": (_log_key, _log_key_effect),
}


def check(state, event, number):
    """Raises No where the law does not allow the event here."""
    need(event.kind == "GENESIS" or state.authority is not None)
    KINDS[event.kind][0](state, event, number)


def evolve(state, event):
    KINDS[event.kind][1](state, event)
