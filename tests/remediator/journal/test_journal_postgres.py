"""What only a journal in PostgreSQL can suffer: leaders that are deposed, answers that are lost, servers that die."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from nacl.signing import SigningKey

from remediator.cli import main
from remediator.journal.lease import Lease, session_name
from remediator.journal.postgres.journal import PostgresJournal
from remediator.journal.postgres.kept import kept_at
from remediator.journal.postgres.leases import Leases
from remediator.journal.postgres.place import PostgresPlace
from remediator.journal.protocol import Conflict, Entry, JournalUnusable, LeaseLost, Row
from remediator.journal.verify import verify
from remediator.model.errors import TransientError
from remediator.unseal.rows import JournalPlace, reading
from remediator.wire.keys import key_text, write_private
from tests.postgres_lab import PostgresServer, programs, running_postgres
from tests.remediator.builders import NOON, host

pytestmark = pytest.mark.store
KEY = SigningKey(bytes(32))
ROOT = Path(__file__).parents[3]


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for one test alone, which may kill it."""
    found = programs()
    if found is None:
        pytest.skip("NOT TESTED: no PostgreSQL here; install the Debian package postgresql")
    with running_postgres(found) as server:
        yield server


def entry(number: int) -> Entry:
    return Entry(NOON, "host", str(number), "h1", {"number": number})


def numbers(place: PostgresPlace, shard: str = "fleet") -> list[int]:
    """What was written, oldest first; the chain is checked, too."""
    with kept_at(place, shard) as kept:
        assert verify(kept, [KEY.verify_key]).findings == []
        return [int(line.id) for line in kept.lines()]


def taken(leases: Leases, holder: str, seconds: float = 30, shard: str = "fleet") -> Lease:
    lease = leases.take_lease(shard, holder, seconds)
    assert lease is not None
    return lease


def test_a_second_remediator_is_told_in_one_line(postgres_place: PostgresPlace) -> None:
    with closing(PostgresJournal(postgres_place, alone=True)) as journal:
        with pytest.raises(JournalUnusable) as refused:
            PostgresJournal(postgres_place, alone=True)
        assert str(refused.value) == "journal: another remediator is running on shard 'fleet'"
        journal.commit([], [entry(1)])
    with closing(PostgresJournal(postgres_place, alone=True)) as journal:
        assert journal.count() == 1


def test_a_database_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    write_private(tmp_path / "password", b"hunter2\n")
    place = PostgresPlace(f"postgresql://fleetmend@/x?host={tmp_path}", tmp_path / "password")
    with pytest.raises(JournalUnusable) as refused:
        PostgresJournal(place)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_password_is_read_from_its_file(own_server: PostgresServer, tmp_path: Path) -> None:
    with own_server.place().connect("test") as db:
        db.execute("CREATE ROLE keeper LOGIN PASSWORD 'hunter2'")
        db.execute("GRANT CREATE ON DATABASE postgres TO keeper")
    rules = own_server.folder / "data" / "pg_hba.conf"
    rules.write_text(f"local all keeper scram-sha-256\n{rules.read_text()}")
    own_server.stop()
    own_server.start()
    write_private(tmp_path / "password", b"hunter2\n")
    url = own_server.place().url.replace("fleetmend@", "keeper@")
    with closing(PostgresJournal(PostgresPlace(url, tmp_path / "password"), alone=True)) as journal:
        journal.commit([Row("Host", "h1", 0, host())], [])
    with reading(JournalPlace(url, tmp_path / "password", "fleet")) as rows:
        assert (rows("Host", "h1") or {})["name"] == "h1"
        assert rows("Host", "h10") is None
    with pytest.raises(JournalUnusable, match="no password"):
        PostgresJournal(PostgresPlace(url))


def test_a_newer_schema_is_refused(postgres_place: PostgresPlace) -> None:
    PostgresJournal(postgres_place, alone=True).close()
    with postgres_place.connect("test") as db:
        db.execute("UPDATE schema_version SET version = version + 1")
    with pytest.raises(JournalUnusable, match="written by a newer version"):
        PostgresJournal(postgres_place, alone=True)


def test_whoever_came_first_without_a_key_leaves_nothing_unsigned(postgres_place: PostgresPlace) -> None:
    PostgresJournal(postgres_place).close()
    with closing(PostgresJournal(postgres_place, signer=KEY, alone=True)) as journal:
        journal.commit([], [entry(1)])
    assert numbers(postgres_place) == [1]


def test_shards_know_nothing_of_each_other(postgres_place: PostgresPlace) -> None:
    with closing(PostgresJournal(postgres_place, "arn", KEY, alone=True)) as arn:
        with closing(PostgresJournal(postgres_place, "fra", KEY, alone=True)) as fra:
            arn.commit([Row("Host", "h1", 0, host())], [entry(1)])
            fra.commit([Row("Host", "h1", 0, host(epoch=5))], [entry(2)])
        assert arn.rows()["Host"]["h1"].value.epoch == host().epoch
    assert (numbers(postgres_place, "arn"), numbers(postgres_place, "fra")) == ([1], [2])


def test_a_lease_has_one_holder_and_terms_only_grow(postgres_place: PostgresPlace) -> None:
    PostgresJournal(postgres_place).close()
    with closing(Leases(postgres_place)) as ours, closing(Leases(postgres_place)) as theirs:
        first = taken(ours, "a")
        assert (first.term, theirs.take_lease("fleet", "b", 30)) == (1, None)
        assert taken(ours, "a").term == 1
        assert taken(theirs, "b", shard="fra").term == 1
        renewed = ours.renew(first)
        assert renewed.until > first.until
        current = theirs.current("fleet")
        assert current is not None
        assert (current.holder, current.term, 29 < current.seconds <= 30) == ("a", 1, True)
        ours.release(first)
        assert theirs.current("fleet") is None
        assert taken(theirs, "b").term == 2
        with pytest.raises(LeaseLost):
            ours.renew(first)
        ours.release(first)
        assert theirs.current("fleet") is not None


def test_a_lease_runs_out_by_the_databases_clock(postgres_place: PostgresPlace) -> None:
    PostgresJournal(postgres_place).close()
    with closing(Leases(postgres_place)) as ours, closing(Leases(postgres_place)) as theirs:
        first = taken(ours, "a", 1.5)
        assert theirs.take_lease("fleet", "b", 30) is None
        time.sleep(1.55)
        with pytest.raises(LeaseLost):
            ours.renew(first)
        # The same holder again is a new term, too: what it sent in the old one may still be on its way.
        assert taken(ours, "a", 0.1).term == 2
        time.sleep(0.15)
        assert taken(theirs, "b").term == 3


def test_who_does_not_lead_writes_nothing(postgres_place: PostgresPlace) -> None:
    with (
        closing(PostgresJournal(postgres_place, signer=KEY)) as ours,
        closing(PostgresJournal(postgres_place, signer=KEY)) as theirs,
        closing(Leases(postgres_place)) as leases,
    ):
        with pytest.raises(LeaseLost, match="nobody leads shard 'fleet' here"):
            ours.commit([], [entry(0)])
        first = taken(leases, "a")
        ours.lead(first)
        ours.commit([Row("Host", "h1", 0, host())], [entry(1)])
        leases.release(first)
        with pytest.raises(LeaseLost, match=r"\(term 1\) is lost"):
            ours.commit([Row("Host", "h2", 0, host("h2"))], [entry(2)])
        with pytest.raises(LeaseLost):
            ours.prune(NOON + timedelta(days=1), 10)
        theirs.lead(taken(leases, "b"))
        theirs.commit([Row("Host", "h1", 1, host(epoch=7))], [entry(3)])
        with pytest.raises(LeaseLost):
            ours.commit([Row("Host", "h2", 0, host("h2"))], [entry(4)])
        assert theirs.head().term == 2
        # Whoever follows reads what the leader wrote.
        assert ours.rows()["Host"]["h1"].value.epoch == 7
    assert numbers(postgres_place) == [1, 3]


def test_a_leader_that_sleeps_within_a_commit_holds_nobody_up(postgres_place: PostgresPlace) -> None:
    journal = PostgresJournal(postgres_place, signer=KEY)
    with closing(Leases(postgres_place)) as leases:
        taken(leases, "a", 0.5)
        # As SIGSTOP finds it: the lease's row is locked, the rest of the transaction never comes.
        asleep = postgres_place.connect(session_name("fleet", "a"))
        asleep.execute("SET idle_in_transaction_session_timeout = 0")
        asleep.execute("BEGIN")
        asleep.execute("SELECT 1 FROM leases FOR SHARE")
        time.sleep(0.55)
        began = time.perf_counter()
        journal.lead(taken(leases, "b"))
        journal.commit([], [entry(1)])
        # Behind the sleeper's lock they would wait for four.
        assert time.perf_counter() - began < 3
        with pytest.raises(psycopg.OperationalError):
            asleep.execute("COMMIT")
        asleep.close()
    journal.close()
    assert numbers(postgres_place) == [1]


def leading(place: PostgresPlace, holder: str, first: int) -> "subprocess.Popen[str]":
    """A process that leads, with a lease of seven tenths of a second."""
    words = [sys.executable, "-m", "tests.remediator.journal.lead_forever", place.url, holder, "0.7", str(first)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def told_by(process: "subprocess.Popen[str]", many: int) -> list[str]:
    """The next lines that it says; all there are until its end, for 0."""
    assert process.stdout is not None
    if many:
        return [process.stdout.readline().strip() for _ in range(many)]
    return process.stdout.read().split("\n")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_whoever_takes_over_has_all_of_it_and_the_one_that_slept_adds_nothing(
    postgres_place: PostgresPlace, number: signal.Signals
) -> None:
    """A leader is stopped in the middle of its commits; another takes over; the first one goes on."""
    PostgresJournal(postgres_place).close()
    with leading(postgres_place, "a", 0) as ours:
        said = told_by(ours, 20)
        ours.send_signal(number)
        with leading(postgres_place, "b", 5000) as theirs:
            said += told_by(theirs, 20)
            ours.send_signal(signal.SIGCONT)
            last = told_by(ours, 0)
            theirs.kill()
            said += [*last, *told_by(theirs, 0)]
    assert number is signal.SIGKILL or any(text.startswith("lost: ") for text in last)
    acknowledged, written = [int(text) for text in said if text.isdecimal()], numbers(postgres_place)
    assert len(written) == len(set(written))
    assert set(acknowledged) <= set(written)
    # At most what was under way when each was stopped or killed was written and not acknowledged.
    assert len(written) - len(acknowledged) <= 2


def test_two_that_both_think_they_lead_cannot_both_write(postgres_place: PostgresPlace) -> None:
    """Leases aside, a commit's number is taken once."""
    ours = PostgresJournal(postgres_place, signer=KEY)
    theirs = PostgresJournal(postgres_place, signer=KEY)
    with closing(Leases(postgres_place)) as leases:
        lease = taken(leases, "a")
    ours.lead(lease)
    theirs.lead(lease)
    ours.commit([], [entry(1)])
    for _ in range(2):
        with pytest.raises(Conflict, match="ends at commit 1, which is not our commit 0"):
            theirs.commit([], [entry(2)])
    theirs.rows()
    theirs.commit([], [entry(3)])
    ours.close()
    theirs.close()
    assert numbers(postgres_place) == [1, 3]


def test_an_older_copy_under_a_running_leader_is_not_written_on(postgres_place: PostgresPlace) -> None:
    """As when a standby that lagged is promoted: the end of the chain is gone."""
    with closing(PostgresJournal(postgres_place, signer=KEY, alone=True)) as journal:
        for number in (1, 2):
            journal.commit([], [entry(number)])
        with postgres_place.connect("test") as db:
            db.execute("DELETE FROM commits WHERE number = 2")
            db.execute("DELETE FROM entries WHERE seq = 2")
        for _ in range(2):
            with pytest.raises(Conflict, match="ends at commit 1, which is not our commit 2"):
                journal.commit([], [entry(3)])
    assert numbers(postgres_place) == [1]


def _commit_all(journal: PostgresJournal, place: PostgresPlace, until: threading.Event) -> list[int]:
    """Commit until told to end: the numbers that were acknowledged, at once or as written after all."""
    acknowledged, number = [], 0
    while not until.is_set():
        number += 1
        try:
            journal.commit([], [entry(number)])
            acknowledged.append(number)
        except TransientError:
            continue
        except Conflict as told:
            # The answer was lost, and nobody could be asked for a while.
            if "was written after all" not in str(told):
                raise
            journal.rows()
            acknowledged.append(numbers(place)[-1])
    return acknowledged


def _end_sessions(place: PostgresPlace, times: int, until: threading.Event) -> None:
    with place.connect("test") as db:
        for _ in range(times):
            time.sleep(0.05)
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fleetmend fleet -'"
            )
    until.set()


def test_a_commit_whose_answer_was_lost_is_settled(postgres_place: PostgresPlace) -> None:
    journal, until = PostgresJournal(postgres_place, signer=KEY, alone=True), threading.Event()
    with closing(journal):
        thread = threading.Thread(target=_end_sessions, args=(postgres_place, 25, until))
        thread.start()
        acknowledged = _commit_all(journal, postgres_place, until)
        thread.join()
        journal.rows()
        journal.commit([], [entry(0)])
    # Every answer was the truth: what was acknowledged is written, once, and what was refused is not.
    assert len(acknowledged) > 25
    assert numbers(postgres_place) == [*acknowledged, 0]


def test_a_server_that_dies_loses_no_acknowledged_commit(own_server: PostgresServer) -> None:
    place, until = own_server.place(), threading.Event()
    journal = PostgresJournal(place, signer=KEY, alone=True)

    def die_and_live() -> None:
        for _ in range(2):
            time.sleep(0.3)
            own_server.kill()
            time.sleep(0.2)
            own_server.start()
        time.sleep(0.5)
        until.set()

    with closing(journal):
        thread = threading.Thread(target=die_and_live)
        thread.start()
        acknowledged = _commit_all(journal, place, until)
        thread.join()
    assert len(acknowledged) > 50
    assert numbers(place) == acknowledged


def test_a_server_that_stays_away_is_transient(own_server: PostgresServer) -> None:
    journal = PostgresJournal(own_server.place(), signer=KEY, alone=True)
    own_server.stop()
    with closing(journal):
        with pytest.raises(TransientError):
            journal.commit([], [entry(1)])
        with pytest.raises(TransientError):
            journal.entries("host", 1)
        own_server.start()
        journal.commit([], [entry(2)])
    assert numbers(own_server.place()) == [2]


def test_what_can_be_lost_is_said(own_server: PostgresServer, postgres_place: PostgresPlace) -> None:
    with closing(PostgresJournal(postgres_place)) as journal:
        (said,) = journal.cautions()
    assert said == "acknowledged requests can be lost: PostgreSQL commits without a synchronous standby"
    own_server.stop()
    own_server.start("fsync=off")
    with closing(PostgresJournal(own_server.place())) as journal:
        assert journal.cautions() == ["acknowledged requests can be lost: PostgreSQL runs with fsync off"]
        own_server.stop()
        assert journal.cautions() == ["acknowledged requests can be lost: PostgreSQL cannot be asked"]


def test_with_a_synchronous_standby_nothing_is_lost(own_server: PostgresServer) -> None:
    journal = PostgresJournal(own_server.place(), signer=KEY, alone=True)
    with own_server.standby("other") as standby, closing(journal):
        own_server.set("synchronous_standby_names", "other")
        assert journal.cautions() == []
        journal.commit([], [entry(1)])
        own_server.kill()
        standby.promote()
        assert numbers(standby.place()) == [1]


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        (
            "UPDATE entries SET body = 'x' WHERE seq = 2",
            "entry 2 (host about h1) (commit 2): is not what was written",
        ),
        ("UPDATE changes SET id = 'h2'", "row change 1 (Host h2) (commit 1): is not what was written"),
        ("UPDATE rows SET version = 2", "row Host h1: is not what the commits say (version 1)"),
        ("UPDATE commits SET term = 1 WHERE number = 2", "commit 2: its hash does not follow"),
        ("UPDATE commits SET shard = 'x' WHERE number = 2", "commit 2: is missing"),
        ("UPDATE horizon SET state = 'x'", "snapshot at commit 0: its rows are not those that were signed"),
    ],
)
def test_tampering_is_found(
    postgres_place: PostgresPlace, statement: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(PostgresJournal(postgres_place, signer=KEY, alone=True)) as journal:
        journal.commit([Row("Host", "h1", 0, host())], [entry(1)])
        for number in (2, 3):
            journal.commit([], [entry(number)])
    asked = ["verify-journal", postgres_place.url, "--key", key_text(KEY.verify_key)]
    assert main(asked) == 0
    with postgres_place.connect("test") as db:
        db.execute(statement.encode())
    assert main(asked) == 1
    assert place in capsys.readouterr().out
