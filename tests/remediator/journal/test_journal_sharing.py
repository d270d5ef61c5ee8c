"""Equal parts of rows are kept once, and no row is another one for it."""

from dataclasses import replace

from remediator.journal import codec
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Row
from remediator.journal.sharing import Sharing
from remediator.model.machine import Event, Machine
from tests.remediator.builders import NOON, SECOND, host, machine

EVENTS = (Event(NOON, "started", "started", "agent"), Event(NOON - SECOND, "created", "created", "agent", "told"))


def read(made: Machine) -> Machine:
    """As from the journal: nothing of it is anybody else's."""
    found: Machine = codec.decode("Machine", codec.encode(made))
    return found


def test_rows_are_equal_to_what_they_were() -> None:
    for made in (machine(), machine(sealed=None), machine("m2", updated_at=NOON + SECOND, events=EVENTS)):
        assert Sharing().shared(read(made)) == made
    assert Sharing().shared(host()) == host()
    assert Sharing().shared(None) is None


def test_machines_of_an_app_have_one_config_and_their_host_one_name() -> None:
    parts = Sharing()
    one, other = (parts.shared(read(machine(name, events=EVENTS))) for name in ("m1", "m2"))
    assert one.config is other.config
    assert (one.host is other.host, one.app is other.app) == (True, True)
    assert one.events[0].kind is other.events[0].kind
    assert one.sealed.machine is one.id
    different = parts.shared(read(machine("m3", config={"guest": {"cpus": 2}})))
    assert different.config == {"guest": {"cpus": 2}}


def test_what_the_journal_gives_is_shared() -> None:
    journal = MemoryJournal()
    rows = [Row("Machine", name, 0, replace(machine(name))) for name in ("m1", "m2")]
    journal.commit(rows, [])
    found = journal.rows()["Machine"]
    assert found["m1"].value.config is found["m2"].value.config
    assert found["m1"].value == machine("m1")
