"""python3 -m aga_verify FILE --trust DID_KEY [--log-key KEY] [--witness KEY]… [--quorum K] [--at TIME] [--json], or --corpus FOLDER."""
import argparse
import json
import pathlib
import re
import sys
import time

from . import note, verify
from .crypto import from_did_key
from .events import instant
from .verify import VERDICTS


def main():
    parser = argparse.ArgumentParser(prog="aga_verify", description="Verifies evidence offline.")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--trust", help="did:key of the authority")
    parser.add_argument("--log-key", help="C2SP verifier key of the log")
    parser.add_argument("--witness", action="append", default=[], metavar="KEY", help="C2SP verifier key of a witness (repeat it)")
    parser.add_argument("--quorum", metavar="K", help="how many of the witnesses must have cosigned; all when left out")
    parser.add_argument("--at", help="refuse what is dated later than this, 2026-11-20T10:00:00.000Z; now when left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--corpus", help="a folder with cases.json: say where this verifier disagrees")
    given = parser.parse_args()
    if given.corpus:
        return corpus(pathlib.Path(given.corpus))
    if not given.file or not from_did_key(given.trust):
        parser.error("a file and --trust are needed")
    at = instant(given.at) if given.at else int(time.time() * 1000)
    if at is None:
        parser.error("--at is an instant with milliseconds and Z")
    if given.log_key is not None and not note.parse_key(given.log_key, note.LOG):
        parser.error("--log-key is not a C2SP verifier key")
    asked = {"trust": given.trust, "log_key": given.log_key, "at": at, "witnesses": witnesses(given, parser)}
    try:
        data = pathlib.Path(given.file).read_bytes()
    except OSError as error:
        print("%s cannot be read: %s" % (given.file, error.strerror), file=sys.stderr)
        return 1
    report = verify(data, asked)
    if given.json:
        shown = {name: {"valid": not found, "findings": [{"sequence_number": n, "rule": r} for n, r in found]} for name, found in report.findings.items()}
        print(json.dumps({"valid": report.valid, **shown}))
    else:
        print("the evidence holds" if report.valid else "the evidence is refused")
        for name, found in report.findings.items():
            print("%-12s %s" % (name, "; ".join("%s %s" % ("*" if n is None else n, r) for n, r in found) or "nothing found"))
    return 0 if report.valid else 1


def witnesses(given, parser):
    """What is asked of them; None where nothing is."""
    if any(not note.parse_key(each, note.WITNESS) for each in given.witness):
        parser.error("--witness is not the key of a C2SP witness")
    count = len(given.witness)
    quorum = count if given.quorum is None else int(given.quorum) if re.fullmatch("[0-9]{1,9}", given.quorum) else -1
    if not 0 <= quorum <= count:
        parser.error("--quorum is a number up to that of the witnesses")
    return {"keys": given.witness, "quorum": quorum} if quorum > 0 else None


def corpus(folder):
    cases = json.loads((folder / "cases.json").read_text())
    wrong = 0
    for case in cases:
        asked = {**case["asked"], "at": instant(case["asked"].get("at"))}
        report = verify((folder / case["file"]).read_bytes(), asked)
        key = lambda pair: (-1 if pair[0] is None else pair[0], pair[1])
        for name in VERDICTS:
            found = sorted(report.findings[name], key=key)
            wanted = sorted(((each["sequence_number"], each["rule"]) for each in case["expected"][name]), key=key)
            if found != wanted:
                wrong += 1
                print("%s: %s: found %s, expected %s" % (case["file"], name, found, wanted))
    print("%d cases, %d disagreements" % (len(cases), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
