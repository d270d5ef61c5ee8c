"""Run as a program: commits to the journal in the folder given, and says each number once it is acknowledged."""

import sys
from itertools import count
from pathlib import Path

from remediator.journal.protocol import Entry, Row
from remediator.journal.sqlite import SqliteJournal
from tests.remediator.builders import NOON, host


def main(folder: Path) -> None:
    journal = SqliteJournal(folder)
    start = journal.count()
    for number in count(start):
        epoch_row = Row("Host", "h1", number, host(epoch=number + 1))
        own_row = Row("Host", f"x{number}", 0, host(f"x{number}"))
        journal.commit([epoch_row, own_row], [Entry(NOON, "host", str(number), "h1", {"number": number})])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


main(Path(sys.argv[1]))
