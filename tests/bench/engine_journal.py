"""Journal: 2,000 durable decisions a second on SQLite, a million entries verified and replayed in 30 s.

A decision here is what a tick writes of one: its entry, an operation for the outbox and the remediation's row, with
hash, signed commit and sync. They come in batches of 50, as from one tick over many hosts, and, for comparison, one
by one, and in a PostgreSQL of its own where one is installed. Then a journal of a million entries, some row changes
among them, is looked through: every hash, the signature, and the rows as the fold of their changes, each decoded.
Sync is the disk's: on one that takes long to sync, single commits are slow and batches hardly.
"""

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.kept import kept_in
from remediator.journal.postgres.journal import PostgresJournal
from remediator.journal.protocol import Entry, Journal, Row
from remediator.journal.sqlite import SqliteJournal
from remediator.journal.verify import Report, verify
from remediator.model.decision import Remediation
from remediator.model.request import Operation, Origin
from tests.bench.figure import Figure, at_most
from tests.postgres_lab import programs, running_postgres

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
KEY = SigningKey(bytes(32))
BATCH, DECISIONS, SINGLE = 50, 6_000, 300
ENTRIES, A_COMMIT, HOSTS = 1_000_000, 100, 10_000
PER_SECOND, SECONDS = 2_000, 30.0
FACTS = {
    "evidence": {"verdict": "dead", "silent": 3, "assigned": 3, "outside_rack": 2, "age": 0.42},
    "budget": {"region": {"in_flight": 1, "of": 2}, "fleet": {"newly_unhealthy": 1, "of": 20}},
    "policy": "sha256:0f3a", "gate": {"open": True, "since": "2026-08-01T11:00:00Z"},
}  # fmt: skip


def figures(runs: int) -> list[Figure]:
    """Medians of the rates; the million is looked through once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batches = [durable(folder / f"batches{run}", DECISIONS, BATCH) for run in range(runs)]
        singles = [durable(folder / f"singles{run}", SINGLE, 1) for run in range(runs)]
        built, size = build(folder / "million")
        report, verified, replayed = look_through(folder / "million")
        opened = open_again(folder / "million")
    print(f"{runs} runs of {DECISIONS} decisions; {ENTRIES} entries in {built:.0f} s, {size / 1e6:.0f} MB")
    print(f"verified {report.commits} commits, {len(report.findings)} differences; {len(report.fold)} rows decoded")
    return [
        at_least("durable_decisions_in_batches", median(batches), PER_SECOND),
        Figure("durable_decisions_one_by_one", median(singles), "1/s", "printed", holds=True),
        Figure("durable_decisions_in_postgresql", in_postgres(), "1/s", "printed", holds=True),
        at_most("verify_a_million_entries", verified, "s", SECONDS),
        at_most("verify_and_replay_a_million_entries", verified + replayed, "s", SECONDS),
        at_most("differences_found", len(report.findings), "", 0),
        at_most("open_a_million_entries", opened, "s", 1),
    ]


def at_least(name: str, value: float, limit: float) -> Figure:
    return Figure(name, value, "1/s", f">= {limit:g}", value >= limit)


def durable(folder: Path, decisions: int, batch: int) -> float:
    """Decisions a second, each on the disk when its commit returns."""
    with closing(SqliteJournal(folder, lambda: KEY)) as journal:
        return rate(journal, decisions, batch)


def in_postgres() -> float | None:
    """The same batches in a PostgreSQL of its own without a standby; None where none is installed."""
    found = programs()
    if found is None:
        return None
    with (
        running_postgres(found) as server,
        closing(PostgresJournal(server.place(), signer=KEY, alone=True)) as journal,
    ):
        return rate(journal, DECISIONS, BATCH)


def rate(journal: Journal, decisions: int, batch: int) -> float:
    began = time.perf_counter()
    for start in range(0, decisions, batch):
        journal.commit(*written(range(start, start + batch)))
    return decisions / (time.perf_counter() - began)


def written(numbers: Sequence[int]) -> tuple[list[Row], list[Entry]]:
    """What a tick writes of so many decisions."""
    rows, entries = [], []
    for number in numbers:
        host, at = f"h{number}", NOON + timedelta(milliseconds=number)
        args = {"machine_id": f"m{number}", "app": "web", "source": f"m{number}", "start": True}
        create = Operation(
            f"create:m{number}", "create", host, args, Origin.AUTOMATIC, at, f"m{number}", f"d{number}"
        )
        rows += [Row("Operation", create.key, 0, create)]
        rows += [Row("Remediation", f"host_dead/{host}", 0, Remediation("host_dead", host, at, {"recreate": at}))]
        entries.append(decision(number, host, at))
    return rows, entries


def decision(number: int, host: str, at: datetime) -> Entry:
    body = {
        "id": f"d{number}", "at": at, "playbook": "host_dead", "target": host, "action": "recreate", "outcome": "act",
        "reason": "Dead", "text": f"{host} is dead: 3 of 3 vantages hear nothing", "facts": FACTS,
        "effects": [f"create:m{number}"],
    }  # fmt: skip
    return Entry(at, "decision", f"d{number}", host, body)


def build(folder: Path) -> tuple[float, int]:
    """A million entries with a row change for every tenth; seconds and bytes."""
    began = time.perf_counter()
    with closing(SqliteJournal(folder, lambda: KEY)) as journal:
        versions: dict[str, int] = {}
        for start in range(0, ENTRIES, A_COMMIT):
            numbers = range(start, start + A_COMMIT)
            entries = [decision(n, f"h{n % HOSTS}", NOON + timedelta(milliseconds=n)) for n in numbers]
            journal.commit(list(changed(numbers, versions)), entries)
    return time.perf_counter() - began, (folder / "journal.db").stat().st_size


def changed(numbers: Sequence[int], versions: dict[str, int]) -> list[Row]:
    rows = []
    for number in numbers[::10]:
        key = f"host_dead/h{number % HOSTS}"
        version = versions.get(key, 0)
        value = Remediation("host_dead", f"h{number % HOSTS}", NOON, {"recreate": NOON}, NOON, f"{number}")
        rows.append(Row("Remediation", key, version, value))
        versions[key] = version + 1
    return rows


def look_through(folder: Path) -> tuple[Report, float, float]:
    """Every hash and the fold; then every row of the fold as a value: the report and both in seconds."""
    began = time.perf_counter()
    with kept_in(folder) as kept:
        report = verify(kept, [KEY.verify_key])
    verified = time.perf_counter()
    for (kind, _), (_, body) in report.fold.items():
        codec.decode(kind.decode(), body)
    return report, verified - began, time.perf_counter() - verified


def open_again(folder: Path) -> float:
    """Seconds from nothing to every row in memory."""
    began = time.perf_counter()
    with closing(SqliteJournal(folder, lambda: KEY)) as journal:
        journal.rows()
        return time.perf_counter() - began
