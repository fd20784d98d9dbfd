"""Scopes: their normal form, what contains what, and which calls they refuse (format.md, section 6)."""
import re
from decimal import Decimal

from .patterns import Malformed, Path, Text, Url, language, LANGUAGES
from .strict_json import is_int, jcs, length

TRIGGERS = "TERMINATE QUARANTINE NETWORK_ISOLATE SAFE_STATE KEY_REVOKE TOKEN_INVALIDATE ACTUATOR_DISCONNECT ALERT_ONLY".split()
MEASUREMENTS = "EXECUTABLE_IMAGE LOADED_MODULES CONTAINER_IMAGE CONFIG_MANIFEST SBOM TEE_QUOTE MEMORY_REGIONS CONTROL_FLOW FILE_SYSTEM_STATE NETWORK_CONFIG".split()
NAMES = LANGUAGES["tool.call"]


class Bad(Exception):
    """Not of the format."""


def need(good, what):
    if not good:
        raise Bad(what)


def check_scope(scope):
    """Raises Bad unless every part is in normal form."""
    parts = {"permissions": _permissions, "argument_rules": _rules, "limits": _limits, "enforcement_triggers": _duties(TRIGGERS), "measurement_types": _duties(MEASUREMENTS)}
    need(isinstance(scope, dict) and set(scope) == set(parts), "scope")
    for name, normal in parts.items():
        try:
            made = normal(scope[name])
        except Malformed as error:
            raise Bad("scope.%s: %s" % (name, error)) from None
        need(jcs(made) == jcs(scope[name]), "scope.%s is not in normal form" % name)


def _texts(value, most):
    need(isinstance(value, list) and len(value) <= most and all(isinstance(each, str) for each in value), "a list of texts")
    return value


def _permissions(value):
    need(isinstance(value, dict), "permissions")
    made = {}
    for name, patterns in value.items():
        spoken = language(name)
        need(spoken is not None, "an unknown capability")
        made[name] = spoken.normal(_texts(patterns, 256))
    return made


def _limits(value):
    need(isinstance(value, dict) and set(value) <= {"calls", "calls_per_minute"}, "limits")
    need(all(is_int(each) and each >= 0 for each in value.values()), "limits")
    return value


def _duties(known):
    def normal(value):
        need(all(each in known for each in _texts(value, 64)), "an unknown duty")
        return sorted(set(value))

    return normal


# Argument rules.


def _integers(value):
    """Any JSON, its numbers integers."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        need(is_int(value), "a number that is no integer")
    elif isinstance(value, dict):
        for each in value.values():
            _integers(each)
    elif isinstance(value, list):
        for each in value:
            _integers(each)
    return value


def _by_text(values):
    return [text[1] for text in sorted({jcs(each): each for each in values}.items(), key=lambda pair: pair[0].encode("utf-16-be"))]


def _bound(value):
    good = is_int(value) if not isinstance(value, str) else length(value) <= 64 and re.fullmatch(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", value, re.A)
    need(bool(good), "a bound")
    return value


def _one_of(value):
    need(isinstance(value, list) and 0 < len(value) <= 256, "one_of")
    return _by_text([_integers(each) for each in value])


def _folder(value):
    need(isinstance(value, str) and value.startswith("/") and "*" not in value, "a folder")
    return value + "**" if value.endswith("/") else value + "/**"


def _text(value):
    need(isinstance(value, str), "a text")
    return value


_URL, _PATH = Text(Url()), Text(Path())
_PATTERNED = {"under": (_PATH, _folder), "url": (_URL, _text), "matches": (NAMES, _text)}
KINDS = ["equals", "one_of", "under", "url", "matches", "min", "max", "max_bytes", "each", "any"]


def _rule(value, depth=0):
    need(isinstance(value, dict) and bool(set(value) & set(KINDS)) and set(value) <= {*KINDS, "optional"}, "a rule")
    made = {}
    for name, each in value.items():
        if name == "optional":
            need(isinstance(each, bool), "optional")
            if each:
                made[name] = True
        elif name in _PATTERNED:
            spoken, pattern = _PATTERNED[name]
            spoken.normal([pattern(each)])
            made[name] = each
        elif name == "equals":
            made[name] = _integers(each)
        elif name == "one_of":
            made[name] = _one_of(each)
        elif name in ("min", "max"):
            made[name] = _bound(each)
        elif name == "max_bytes":
            need(is_int(each) and each >= 0, "max_bytes")
            made[name] = each
        elif name == "each":
            need(depth < 7, "each is nested too deep")
            made[name] = _rule(each, depth + 1)
            need("optional" not in made[name], "an optional item")
        else:
            need(each is True, "any")
            made[name] = True
    return made


def location(key):
    if not key.startswith("/"):
        return [key]
    need(not re.search("~(?![01])", key), "a JSON pointer")
    tokens = key[1:].split("/")
    need(len(tokens) <= 16, "a JSON pointer")
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens]


def _rules(value):
    need(isinstance(value, list) and len(value) <= 256, "argument_rules")
    made = []
    for each in value:
        need(isinstance(each, dict) and set(each) == {"tool", "arguments"} and isinstance(each["tool"], str), "a rule")
        NAMES.normal([each["tool"]])
        members = each["arguments"]
        need(isinstance(members, dict) and len(members) <= 128, "arguments")
        for key in members:
            location(key)
        made.append({"tool": each["tool"], "arguments": {key: _rule(rule) for key, rule in members.items()}})
    return _by_text(made)


def _type(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _same(a, b):
    return _type(a) == _type(b) and jcs(a) == jcs(b)


def _decimal(value):
    return Decimal(value if isinstance(value, str) else jcs(value))


def permits(rule, value):
    """Whether every kind of the rule permits the value."""
    return all(_judge(name, rule[name], value) for name in KINDS if name in rule)


def _judge(name, wanted, value):
    if name in _PATTERNED:
        spoken, pattern = _PATTERNED[name]
        try:
            return isinstance(value, str) and not spoken.refuses([pattern(wanted)], value)
        except Malformed:
            return False
    if name == "equals":
        return _same(wanted, value)
    if name == "one_of":
        return any(_same(each, value) for each in wanted)
    if name in ("min", "max"):
        if _type(value) != "number":
            return False
        return _decimal(value) >= _decimal(wanted) if name == "min" else _decimal(value) <= _decimal(wanted)
    if name == "max_bytes":
        return isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) <= wanted
    if name == "each":
        return isinstance(value, list) and all(permits(wanted, item) for item in value)
    return True


def _within(child, parent):
    finite = next((name for name in ("equals", "one_of") if name in child), None)
    if finite:
        values = [child["equals"]] if finite == "equals" else child["one_of"]
        return all(not permits(child, each) or permits(parent, each) for each in values)
    return all(name == "any" or (name in child and _narrower(name, child[name], parent[name])) for name in KINDS if name in parent)


def _narrower(name, own, above):
    if name in _PATTERNED:
        spoken, pattern = _PATTERNED[name]
        return not spoken.excess([pattern(own)], [pattern(above)])
    if name == "equals":
        return _same(own, above)
    if name == "one_of":
        return all(any(_same(a, b) for b in above) for a in own)
    if name == "min":
        return _decimal(own) >= _decimal(above)
    if name == "max":
        return _decimal(own) <= _decimal(above)
    return own <= above if name == "max_bytes" else _within(own, above)


def _rules_exceed(child, parent):
    known = {jcs(each) for each in parent}
    for rule in child:
        above = [each for each in parent if each["tool"] == rule["tool"]]
        if not above or jcs(rule) in known:
            continue
        held = [(location(key), each) for rules in above for key, each in rules["arguments"].items()]
        for key, own in rule["arguments"].items():
            place = location(key)
            naming = [(other, each) for other, each in held if other == place[: len(other)]]
            fits = all(_contains(each, own, len(other) < len(place)) for other, each in naming)
            if not naming or not fits:
                return True
    return False


def _contains(above, own, shorter):
    if shorter:
        return all(name == "any" for name in KINDS if name in above)
    return _within(own, above) and ("optional" not in own or "optional" in above)


def exceeds(child, parent, ancestors):
    """Whether a scope is not contained in its parent's; `ancestors` are those above the parent."""
    for name, asked in child["permissions"].items():
        held = parent["permissions"].get(name)
        if held is None and name == "cost.budget":
            held = language(name).least([each["permissions"][name] for each in ancestors if name in each["permissions"]])
        if language(name).excess(asked, held or []):
            return True
    if _rules_exceed(child["argument_rules"], parent["argument_rules"]):
        return True
    own, above = child["limits"], parent["limits"]
    if any(name in own and name in above and own[name] > above[name] for name in ("calls", "calls_per_minute")):
        return True
    return any(not set(child[name]) <= set(parent[name]) for name in ("enforcement_triggers", "measurement_types"))


def refuses_tool(scope, capability, tool):
    """None, or the code with which the permissions refuse a resource."""
    spoken = language(capability)
    if spoken is None:
        return "INVALID_REQUEST"
    try:
        return "PERMISSION_DENIED" if spoken.refuses(scope["permissions"].get(capability, []), tool) else None
    except Malformed:
        return "PERMISSION_DENIED" if capability in ("fs.read", "fs.write", "net.fetch") else "INVALID_REQUEST"


def refuses_call(scope, capability, tool, given):
    """Whether permissions or argument rules refuse a call."""
    if refuses_tool(scope, capability, tool):
        return True
    if capability != "tool.call":
        return False
    binding = [each for each in scope["argument_rules"] if not NAMES.refuses([each["tool"]], tool)]
    if not binding:
        return False
    root = _Place()
    for each in binding:
        for key, rule in each["arguments"].items():
            root.add(location(key), rule)
    return root.refuses(given, True)


class _Place:
    """Rules by where they stand."""

    def __init__(self):
        self.rules, self.members = [], {}

    def add(self, tokens, rule):
        place = self
        for token in tokens:
            place = place.members.setdefault(token, _Place())
        place.rules.append(rule)

    def refuses(self, value, there):
        if not there:
            return any("optional" not in rule for rule in self.rules) or any(each.refuses(None, False) for each in self.members.values())
        if not all(permits(rule, value) for rule in self.rules):
            return True
        if not self.members and self.rules:
            return False
        if not isinstance(value, (dict, list)):
            return True
        held = value if isinstance(value, dict) else {str(i): each for i, each in enumerate(value)}
        if not self.rules and any(name not in self.members for name in held):
            return True
        return any(place.refuses(held.get(token), token in held) for token, place in self.members.items())
