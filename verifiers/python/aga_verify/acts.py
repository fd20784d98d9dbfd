"""Decisions, judged again (format.md, section 8). None: right, or nobody can tell; else the rule that is broken."""
from .crypto import sha256
from .events import BINDINGS
from .scope import refuses_call, refuses_tool

_EMPTY = sha256(b"{}").hex()


def judge(event, grant, time, disclosed, whole):
    return _permit(event, grant, disclosed) if event["verdict"] == "permit" else _refusal(event, grant, time, disclosed, whole)


def _given(event, disclosed):
    digest = event["arguments_digest"]
    return {} if digest in ("", _EMPTY) else disclosed.get(digest)


def _too_weak(event, grant):
    asked = grant.artifact.terms["min_binding"]
    return event["binding"] != "operator" and BINDINGS.index(event["binding"]) < BINDINGS.index(asked)


def _permit(event, grant, disclosed):
    line = grant.lineage()
    if _too_weak(event, grant):
        return "binding"
    if event["capability"] == "net.fetch" and any(at.isolated for at in line):
        return "isolation"
    given = _given(event, disclosed)
    if event["tool"] is None or not any(at.scope["argument_rules"] for at in line) or given is None:
        return None
    refused = any(refuses_call(at.scope, event["capability"], event["tool"], given) for at in line)
    return "arguments" if refused else None


def _refusal(event, grant, time, disclosed, whole):
    by = next((at for at in grant.lineage() if at.hash == event["refused_by"]), None)
    if event["refused_by"] is None:
        return None
    if by is None:
        return "refusal"
    code, over = event["code"], grant.halted(time)
    if code in ("ARTIFACT_REVOKED", "LEASE_EXPIRED", "SUSPENDED"):
        banned = code == "ARTIFACT_REVOKED" and any(at.holder is not None for at in grant.lineage())
        return None if over == (code, by) or (banned and not whole(by.hash)) else "refusal"
    if code == "LIMIT_EXCEEDED":
        return None if (event["tool"] is not None and by.used_up(time)) or not whole(by.hash) else "refusal"
    if code in ("PERMISSION_DENIED", "INVALID_REQUEST"):
        if over or (by is grant and _too_weak(event, grant)) or event["tool"] is None:
            return None
        if refuses_tool(by.scope, event["capability"], event["tool"]):
            return None
        given = _given(event, disclosed)
        if given is None or refuses_call(by.scope, event["capability"], event["tool"], given) or given:
            return None
        return "refusal"
    return None
