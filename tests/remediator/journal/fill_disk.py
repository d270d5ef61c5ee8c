"""Run as a program in a mount namespace of its own: the journal on a disk of one MiB, written until it is full.

Says ``no mount`` and ends with 77 where no file system may be mounted.
"""

import subprocess
import sys
from pathlib import Path

from remediator.journal.protocol import Entry, Row
from remediator.journal.sqlite import SqliteJournal
from remediator.model.errors import TransientError
from tests.remediator.builders import NOON, host

FILLING = "x" * 20_000


def main(folder: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        sys.stdout.write("no mount\n")
        raise SystemExit(77)
    journal = SqliteJournal(folder)
    kept = fill(journal)
    check(journal, kept)
    journal.close()
    again = SqliteJournal(folder)
    check(again, kept)
    # Room again: the same journal goes on.
    (folder / "ballast").unlink()
    again.commit([Row("Host", "h1", kept, host(epoch=kept + 1))], [])
    sys.stdout.write(f"kept {kept}; {again.rows()['Host']['h1'].value.epoch}\n")
    again.close()


def fill(journal: SqliteJournal) -> int:
    """Commit until the disk is full; how many commits were acknowledged."""
    (Path(sys.argv[1]) / "ballast").write_bytes(b"x" * 200_000)
    for number in range(1000):
        row = Row("Host", "h1", number, host(epoch=number + 1))
        try:
            journal.commit([row], [Entry(NOON, "host", str(number), "h1", {"filling": FILLING})])
        except TransientError as error:
            sys.stdout.write(f"transient: {error}\n")
            return number
    raise SystemExit("the disk never filled")


def check(journal: SqliteJournal, kept: int) -> None:
    stored = journal.rows()["Host"]["h1"]
    found = {entry.id for entry in journal.entries("host", 2000)}
    if (stored.version, stored.value.epoch, found) != (kept, kept, {str(number) for number in range(kept)}):
        raise SystemExit(f"lost: {stored.version} {stored.value.epoch} {len(found)} of {kept}")


main(Path(sys.argv[1]))
