"""How full PostgreSQL's disk is: by the operator's function, by its folder on this host, or not known and said so."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from remediator.clock import SystemClock
from remediator.journal.postgres.disk import UNKNOWN, free_share
from remediator.journal.postgres.journal import PostgresJournal
from remediator.journal.postgres.place import PostgresPlace
from remediator.runtime.ledger import Ledger
from remediator.runtime.upkeep import Upkeep

pytestmark = pytest.mark.store
KEY = SigningKey(bytes(32))


def function(place: PostgresPlace, body: str) -> None:
    with place.connect("test") as db:
        made = f"CREATE OR REPLACE FUNCTION fleetmend.free_share() RETURNS float8 LANGUAGE sql AS $${body}$$"
        db.execute(made.encode())


async def test_a_full_disk_stops_what_destroys(postgres_place: PostgresPlace, tmp_path: Path) -> None:
    journal = PostgresJournal(postgres_place, signer=KEY, alone=True)
    ledger = Ledger(journal)
    upkeep = Upkeep(ledger, tmp_path, KEY.verify_key, timedelta(days=1), SystemClock())
    function(postgres_place, "SELECT 0.07")
    await upkeep.look()
    assert upkeep.doubts()["DiskLow"] == "7.0% of the journal's disk is free, 10% is needed"
    function(postgres_place, "SELECT 0.4")
    await upkeep.look()
    assert "DiskLow" not in upkeep.doubts()
    await ledger.close()


def test_a_server_on_this_host_is_looked_at(postgres_place: PostgresPlace) -> None:
    with closing(PostgresJournal(postgres_place)) as journal:
        found = journal.free_share()
        assert found is not None
        assert 0 < found < 1
        assert UNKNOWN not in journal.cautions()


def test_what_is_no_share_tells_nothing(postgres_place: PostgresPlace) -> None:
    PostgresJournal(postgres_place).close()
    function(postgres_place, "SELECT 40")
    with postgres_place.connect("test") as db:
        assert free_share(db) is None


def test_of_a_server_that_does_not_let_us_know_it_is_not_known(postgres_place: PostgresPlace) -> None:
    PostgresJournal(postgres_place).close()
    with postgres_place.connect("test") as db:
        db.execute("DROP ROLE IF EXISTS nobody_special")
        db.execute("CREATE ROLE nobody_special")
        db.execute("GRANT USAGE ON SCHEMA fleetmend TO nobody_special")
        db.execute("SET ROLE nobody_special")
        assert free_share(db) is None
        db.execute("RESET ROLE")
        db.execute("DROP OWNED BY nobody_special")
        db.execute("DROP ROLE nobody_special")


def test_people_are_told_that_it_is_not_known(postgres_place: PostgresPlace) -> None:
    with closing(PostgresJournal(postgres_place)) as journal:
        function(postgres_place, "SELECT NULL::float8")
        assert UNKNOWN in journal.cautions()
