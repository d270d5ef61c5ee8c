"""`fleetmend verify-journal [DIR|URL]`: whether the journal is what was written, and where it is not."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
from nacl.signing import VerifyKey

from remediator.commands.tables import say, say_json
from remediator.journal.heads import FILE, read_head
from remediator.journal.kept import Kept, kept_in
from remediator.journal.protocol import JournalUnusable
from remediator.journal.verify import Fold, Report, verify
from remediator.model.errors import FleetmendError
from remediator.wire.keys import load_signing_key, parse_verify_key

_MOST = 50
_ADDRESSES = ("postgresql://", "postgres://")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("verify-journal", help="check the journal's chain, its signatures and its rows")
    where = "the data folder, or the address of a PostgreSQL database (default: data)"
    parser.add_argument("place", nargs="?", default="data", metavar="DIR|URL", help=where)
    parser.add_argument(
        "--head", type=Path, metavar="FILE", help=f"a head that was exported (default: {FILE} in DIR, if it is there)"
    )
    parser.add_argument(
        "--key", metavar="KEY", help="the public key of who signed, in base64 (default: that of signing.key in DIR)"
    )
    parser.add_argument("--shard", default="fleet", help="whose journal in PostgreSQL (default: fleet)")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="for PostgreSQL, where it asks for one")
    parser.add_argument(
        "--fold", metavar="FILE", help="write the rows that replaying gives, one JSON document a line; - is here"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when all is as it was written, 1 when it is not, 2 when it cannot be read."""
    try:
        return _run(args)
    except FleetmendError as error:
        sys.stderr.write("".join(f"fleetmend: {line}\n" for line in str(error).splitlines()))
    except OSError as error:
        sys.stderr.write(f"fleetmend: {error.filename or args.place}: {error.strerror}\n")
    return 2


def _run(args: argparse.Namespace) -> int:
    folder = None if args.place.startswith(_ADDRESSES) else Path(args.place)
    keys, head = _keys(args, folder), _head_file(args, folder)
    # Read before the journal is: whoever writes it meanwhile must not make the head look ahead of it.
    told = read_head(head) if head else None
    with _kept(args, folder) as kept:
        report = verify(kept, keys, told)
    if args.fold:
        _write_fold(args.fold, report.fold)
    notes = [*([] if keys else ["no key: signatures were not checked"]), *([] if head else ["no exported head"])]
    if args.json:
        say_json(_doc(report, notes))
    elif args.fold != "-":
        _tell(args.place, report, notes)
    return 0 if report.whole else 1


def _kept(args: argparse.Namespace, folder: Path | None) -> AbstractContextManager[Kept]:
    if folder is not None:
        return kept_in(folder)
    try:
        from remediator.journal.postgres.kept import kept_at
        from remediator.journal.postgres.place import PostgresPlace
    except ModuleNotFoundError:
        raise JournalUnusable("PostgreSQL needs the extra `postgres`: pip install 'fleetmend[postgres]'") from None
    return kept_at(PostgresPlace(args.place, args.password_file), args.shard)


def _keys(args: argparse.Namespace, folder: Path | None) -> list[VerifyKey]:
    if args.key:
        return [parse_verify_key(args.key)]
    file = folder / "signing.key" if folder else None
    return [load_signing_key(file).verify_key] if file and file.exists() else []


def _head_file(args: argparse.Namespace, folder: Path | None) -> Path | None:
    if args.head:
        return Path(args.head)
    file = folder / FILE if folder else None
    return file if file and file.exists() else None


def _tell(place: str, report: Report, notes: list[str]) -> None:
    head, since = report.head, report.since
    begin = f" since the snapshot at commit {since.number} ({since.at})" if since.number else ""
    entries, changes = head.last_entry - since.last_entry, head.last_change - since.last_change
    say(f"{place}: {report.commits} commits, {entries} entries, {changes} row changes{begin}; {report.rows} rows")
    for text in report.findings[:_MOST]:
        say(f"  {text}")
    if len(report.findings) > _MOST:
        say(f"  and {len(report.findings) - _MOST} more")
    for note in notes:
        say(f"  note: {note}")
    verdict = "as it was written" if report.whole else f"NOT as it was written: {len(report.findings)} differences"
    say(f"{verdict}; head {head.number} {head.hash.hex()[:16]}")


def _doc(report: Report, notes: list[str]) -> dict[str, object]:
    return {
        "whole": report.whole,
        "findings": report.findings,
        "notes": notes,
        "head": {"number": report.head.number, "hash": report.head.hash.hex()},
        "snapshot": report.since.number,
        "commits": report.commits,
        "rows": report.rows,
    }


def _write_fold(name: str, fold: Fold) -> None:
    lines = b"".join(_fold_lines(fold))
    if name == "-":
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    else:
        Path(name).write_bytes(lines)


def _fold_lines(fold: Fold) -> Iterator[bytes]:
    for (kind, identifier), (version, body) in sorted(fold.items()):
        row = {"kind": kind.decode(), "id": identifier.decode(), "version": version, "row": msgspec.Raw(body)}
        yield msgspec.json.encode(row) + b"\n"
