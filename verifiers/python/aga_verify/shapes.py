"""What is wrong with the shape of a document, one rule for each fault (format.md, section 2)."""


def faults(value, wanted):
    """`wanted`: a test, a list of one shape, or members by name."""
    if isinstance(wanted, dict):
        if not isinstance(value, dict):
            yield "form"
            return
        for name, each in wanted.items():
            if name not in value:
                yield "missing_member"
            else:
                yield from faults(value[name], each)
        if set(value) - set(wanted):
            yield "unknown_member"
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            yield "form"
            return
        for each in value:
            yield from faults(each, wanted[0])
    elif not wanted(value):
        yield "form"
