"""Run as a program in a mount namespace of its own: on a full disk of four MiB, destroys are written all the same.

Says ``no mount`` and ends with 77 where no file system may be mounted; else one line a finding.
"""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from nacl.signing import SigningKey

from remediator.clock import SystemClock
from remediator.journal.kept import kept_in
from remediator.journal.protocol import Row
from remediator.journal.sqlite import SqliteJournal
from remediator.journal.verify import verify
from remediator.model.errors import TransientError
from remediator.runtime.ledger import Ledger
from remediator.runtime.upkeep import Upkeep
from tests.remediator.builders import destroy
from tests.remediator.journal.contract_rows import VALUES

KEY = SigningKey(bytes(32))


def main(folder: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        say("no mount")
        raise SystemExit(77)
    journal = SqliteJournal(folder, lambda: KEY, 64 << 20)
    ledger = Ledger(journal)
    upkeep = Upkeep(ledger, folder, KEY.verify_key, timedelta(days=90), SystemClock())
    say(f"reserve {(folder / 'journal.reserve').stat().st_size >> 10} KiB; doubts {doubts(upkeep)}")
    fill(folder)
    say(f"full; doubts {doubts(upkeep)}")
    written = fill_with_destroys(journal)
    say(f"destroys written on a full disk: {'enough' if written > 12 else written}; {journal.cautions()}")
    (folder / "ballast").unlink()
    journal.commit([Row("Destroy", "after", 0, destroy("after"))], [])
    say(f"room again; doubts {doubts(upkeep)}; {journal.cautions()}")
    count = len(journal.rows()["Destroy"])
    asyncio.run(ledger.close())
    with kept_in(folder) as kept:
        say(f"kept {count - written - 1}; {verify(kept, [KEY.verify_key]).findings}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def doubts(upkeep: Upkeep) -> list[str]:
    asyncio.run(upkeep.look())
    return list(upkeep.doubts())


def fill(folder: Path) -> None:
    """Everything, to the last page."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def fill_with_destroys(journal: SqliteJournal) -> int:
    """Until not even one fits any more; alerts are refused as soon as the reserve is in use."""
    refused = False
    for number in range(10_000):
        try:
            journal.commit([Row("Destroy", f"m{number}", 0, destroy(f"m{number}"))], [])
        except TransientError as error:
            say(f"alerts refused {refused}; at last: {error}")
            return number
        refused = refused or not alert_fits(journal, number)
    raise SystemExit("the disk never filled")


def alert_fits(journal: SqliteJournal, number: int) -> bool:
    try:
        journal.commit([Row("ReceivedAlert", f"a{number}", 0, VALUES["ReceivedAlert"])], [])
    except TransientError as error:
        return "kept for healing and destroys" not in str(error)
    return True


main(Path(sys.argv[1]))
