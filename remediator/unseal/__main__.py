"""``python -m remediator.unseal --key FILE --journal FILE``: JSON lines in, JSON lines out, until the input ends."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
from nacl.public import PrivateKey

from remediator.model.errors import BadInput, FleetmendError, PermanentError
from remediator.unseal.opening import Probe, Request, probed, unseal
from remediator.unseal.rows import JournalPlace
from remediator.wire.keys import key_text, load_box_key


def main() -> int:
    """Answer requests; 2 and one line when the key cannot be had."""
    parser = argparse.ArgumentParser(prog="remediator.unseal", description=__doc__)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--previous", type=Path, help="the key before that one; nothing where there is no such file")
    parser.add_argument("--journal", required=True)
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--shard", default="")
    given = parser.parse_args()
    os.umask(0o077)
    # A Ctrl-C in the terminal is the remediator's to handle; it closes our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        old = [given.previous] if given.previous and given.previous.exists() else []
        private = [load_box_key(path) for path in (given.key, *old)]
    except BadInput as error:
        sys.stderr.write(f"remediator.unseal: {error}\n")
        return 2
    journal = JournalPlace(given.journal, given.password_file, given.shard)
    _say({"unseal_key": key_text(private[0].public_key), "previous": [key_text(k.public_key) for k in private[1:]]})
    for line in sys.stdin.buffer:
        _say(_answer(line, private, journal))
    return 0


def _answer(line: bytes, private: list[PrivateKey], journal: JournalPlace) -> dict[str, Any]:
    request: Probe | Request
    try:
        is_probe = "probe" in msgspec.json.decode(line, type=dict[str, Any])
        request = msgspec.json.decode(line, type=Probe) if is_probe else msgspec.json.decode(line, type=Request)
    except msgspec.MsgspecError as error:
        return {"id": "", "ok": False, "error": "permanent", "text": f"not a request: {error}"}
    try:
        if isinstance(request, Probe):
            return {"id": request.id, "ok": True, "probe": probed(request, private)}
        box, digest = unseal(request, private, journal)
    except FleetmendError as error:
        kind = "permanent" if isinstance(error, PermanentError) else "transient"
        return {"id": request.id, "ok": False, "error": kind, "text": str(error)}
    return {"id": request.id, "ok": True, "sealed_config": box, "digest": digest}


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
