"""`fleetmend keys …`: what recoverable configs are sealed for is shown, tested and exchanged; and an offline key."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from nacl.public import PrivateKey

from remediator.clock import SystemClock
from remediator.commands.client import (
    CommandFailed,
    Remediator,
    add_connection,
    add_token,
    operator_name,
    operator_token,
    told_plainly,
)
from remediator.commands.tables import say, say_json
from remediator.model.errors import PermanentError
from remediator.model.machine import Sealed
from remediator.unseal.client import PREVIOUS
from remediator.wire.keys import fingerprint, key_text, load_box_key, load_signing_key, read_private, write_private
from remediator.wire.recipients import Recipients, sign_recipients
from remediator.wire.sealing import PROBE, digest, open_config

Json = dict[str, Any]
Verb = Callable[[Remediator, argparse.Namespace], int]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("keys", help="the keys that recoverable configs are sealed for")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _verb(verbs, "show", "their fingerprints, and how many copies each opens", _show)
    test = _verb(verbs, "test", "seal something and open it, and look at every stored copy", _test)
    test.add_argument("--recovery-key", type=Path, metavar="FILE", help="see whether this offline key opens them too")
    _verb(verbs, "rotate", "a new online key; the one before it goes on opening what it was sealed for", _rotate)
    recovery = _verb(verbs, "recovery", "make an offline key, and have every agent seal for it too", _recovery)
    recovery.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where to; then take it away from here"
    )
    opened = _verb(
        verbs, "open", "print a machine's full config, opened with the offline key; its owner is told", _open
    )
    opened.add_argument("machine", metavar="MACHINE")
    opened.add_argument("--recovery-key", type=Path, required=True, metavar="FILE")
    opened.add_argument("--why", required=True, help="the reason, for the machine's owner")


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, command: Verb
) -> argparse.ArgumentParser:
    def run(args: argparse.Namespace) -> int:
        with Remediator(args.url, operator_token(args)) as remediator:
            return command(remediator, args)

    parser = verbs.add_parser(name, help=text)
    add_connection(parser)
    add_token(parser)
    parser.set_defaults(run=told_plainly(run))
    return parser


def _show(remediator: Remediator, args: argparse.Namespace) -> int:
    return _tell(remediator.get("/v1/keys"), args)


def _test(remediator: Remediator, args: argparse.Namespace) -> int:
    """0 when everything opens; 1 when something does not."""
    found = remediator.post("/v1/keys/test", {})
    offline = _offline(found, args.recovery_key)
    if args.json:
        say_json({**found, "recovery_trouble": offline})
    else:
        say(f"online key {found['online']}: {found['trouble'] or 'opens what is sealed for it'}")
        say(f"recovery key {found['recovery'] or 'none'}: {offline or 'opens what is sealed for it'}")
        _copies(found)
    untested = offline.startswith("not tested")
    return 1 if found["trouble"] or found["unusable"] or (offline and not untested) else 0


def _offline(found: Json, path: Path | None) -> str:
    """What is wrong with the offline key; empty where nothing is."""
    if not found["recovery"]:
        return "not tested: there is none (fleetmend keys recovery --out FILE)"
    if path is None:
        return "not tested: say --recovery-key FILE"
    try:
        opened = open_config(found["recovery_probe"], _read_key(path))
    except PermanentError as error:
        return str(error)
    return "" if opened.get(PROBE) == found["probe"] else "it opens to something else"


def _rotate(remediator: Remediator, args: argparse.Namespace) -> int:
    known, path = remediator.get("/v1/keys"), args.data / "unseal.key"
    before = path.with_name(PREVIOUS)
    if not _is(before, known["online"]):
        _make_way(known, path, args.url)
        write_private(before, read_private(path))
        path.unlink()
    # Else an earlier try ended before the remediator was told: its new key lies there.
    fresh = load_box_key(path)
    return _named(remediator, args, key_text(fresh.public_key), known["recovery_key"])


def _make_way(known: Json, path: Path, url: str) -> None:
    """Nothing, when the present key may become the one before.

    Raises:
        CommandFailed: copies would be lost, or this is another remediator's key.
    """
    held = {mark: known["copies"][mark] for mark in known["previous"] if mark in known["copies"]}
    if held:
        raise CommandFailed(
            f"{sum(held.values())} copies are still sealed for the key before the present one ({', '.join(held)}): "
            "their hosts have not been heard since, and a third key would lose them"
        )
    if not _is(path, known["online"]):
        raise CommandFailed(f"{path} is not the key that the remediator at {url} uses: run this on its host")


def _is(path: Path, mark: str) -> bool:
    return path.exists() and fingerprint(load_box_key(path).public_key) == mark


def _recovery(remediator: Remediator, args: argparse.Namespace) -> int:
    if args.out.exists():
        raise CommandFailed(f"{args.out} is there already: name a new file")
    # Asked first: no key is made that nobody seals for.
    online = remediator.get("/v1/keys")["online_key"]
    try:
        offline = load_box_key(args.out)
    except OSError as error:
        raise CommandFailed(f"{args.out}: {error.strerror}") from None
    code = _named(remediator, args, online, key_text(offline.public_key))
    say(f"the offline key is in {args.out} alone: take it away from here, and keep a second copy", sys.stderr)
    return code


def _named(remediator: Remediator, args: argparse.Namespace, online: str, recovery: str) -> int:
    """Sign whom to seal for with the operator's key, and have everybody told."""
    operator = load_signing_key(args.data / "operator.key")
    word = sign_recipients(Recipients(online, recovery, SystemClock().now()), operator)
    return _tell(remediator.post("/v1/keys", word), args)


def _open(remediator: Remediator, args: argparse.Namespace) -> int:
    key = _read_key(args.recovery_key)
    asked = {"machine": args.machine, "by": operator_name(), "why": args.why}
    sealed = msgspec.convert(remediator.post("/v1/keys/recover", asked), Sealed)
    config = open_config(sealed.recovery, key)
    if digest(config) != sealed.digest:
        raise CommandFailed(f"the copy of {args.machine} is not the one that its host's agent signed")
    say_json(config)
    return 0


def _read_key(path: Path) -> PrivateKey:
    # A key that is not there would be made.
    read_private(path)
    return load_box_key(path)


def _tell(found: Json, args: argparse.Namespace) -> int:
    if args.json:
        say_json(found)
        return 0
    say(f"online key {found['online']}" + "".join(f", before it {mark}" for mark in found["previous"]))
    say(f"recovery key {found['recovery'] or 'none'}")
    _copies(found)
    return 0


def _copies(found: Json) -> None:
    for mark, many in sorted(found["copies"].items()):
        say(f"{many} copies sealed for {mark}")
    for each in found["unusable"]:
        say(f"{each['machine']} ({each['app']}) could not be recovered: {each['why']}")
