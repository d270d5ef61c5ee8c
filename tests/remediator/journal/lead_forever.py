"""Run as a program: leads a shard and commits until the lease is lost, and says each number once it is acknowledged.

Arguments: the database's address, the holder's name, the lease's length in seconds, the first number.
"""

import sys
import time
from itertools import count

from nacl.signing import SigningKey

from remediator.journal.postgres.journal import PostgresJournal
from remediator.journal.postgres.leases import Leases
from remediator.journal.postgres.place import PostgresPlace
from remediator.journal.protocol import Entry, LeaseLost, Row
from tests.remediator.builders import NOON, host


def main(url: str, holder: str, seconds: float, first: int) -> None:
    place = PostgresPlace(url)
    journal, leases = PostgresJournal(place, signer=SigningKey(bytes(32))), Leases(place)
    while (lease := leases.take_lease("fleet", holder, seconds)) is None:
        time.sleep(0.02)
    journal.lead(lease)
    rows = journal.rows()["Host"]
    version = rows["h1"].version if "h1" in rows else 0
    try:
        for number in count(first):
            row = Row("Host", "h1", version + number - first, host(epoch=number + 1))
            journal.commit([row], [Entry(NOON, "host", str(number), holder, {"number": number})])
            say(str(number))
            lease = leases.renew(lease)
    except LeaseLost as error:
        say(f"lost: {error}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
