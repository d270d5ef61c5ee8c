"""The audit: in the commit of the write itself, bounded where nothing was written, patient where nothing can be."""

from dataclasses import replace

import pytest

from remediator.journal.memory import MemoryJournal
from remediator.model.audit import Asked
from remediator.model.errors import TransientError
from remediator.runtime.people.audit import MOST_WAITING, Audit
from tests.remediator.builders import NOON, host
from tests.remediator.runtime.lab import Lab

ASKED = Asked("r1", NOON, "ci", "machines.stop", "web", "m1")


class Full(MemoryJournal):
    """A journal that can refuse to write."""

    full = False

    def commit(self, *args: object) -> None:
        if self.full:
            raise TransientError("the disk is full")
        super().commit(*args)  # type: ignore[arg-type]


def audit_of(lab: Lab) -> Audit:
    made = Audit(lab.ledger, lab.clock)
    lab.ledger.before_commit.append(made)
    return made


async def test_the_line_rides_in_the_commit_of_the_write_and_once() -> None:
    lab = Lab()
    audit = audit_of(lab)
    audit.begins(ASKED)
    before = lab.ledger.sequence
    await lab.put(host("h1"))
    assert lab.ledger.sequence == before + 1
    (line,) = await lab.told("audit", "web")
    assert (line["who"], line["outcome"], line["rows"]) == ("ci", "accepted", ["Host/h1"])
    await lab.put(host("h2"))
    audit.ended(ASKED, 200)
    # What others write afterwards is not that request's.
    await lab.put(host("h3"))
    await audit.flush()
    assert len(await lab.told("audit")) == 1


async def test_a_write_that_ended_badly_is_told_too() -> None:
    lab = Lab()
    audit = audit_of(lab)
    audit.begins(ASKED)
    await lab.put(host("h1"))
    audit.ended(ASKED, 422)
    audit.ended(replace(ASKED, request="r2"), 200)
    await audit.flush()
    assert [line["outcome"] for line in await lab.told("audit")] == ["accepted", "answered 422", "answered 200"]


async def test_who_is_slowed_down_cannot_fill_the_journal() -> None:
    lab = Lab()
    audit = audit_of(lab)
    for number in range(MOST_WAITING + 7):
        audit.ended(replace(ASKED, request=str(number)), 412)
        audit.ended(replace(ASKED, request=f"{number}+"), 429)
    before = lab.ledger.sequence
    await audit.flush()
    lines = await lab.told("audit")
    assert lab.ledger.sequence == before + 1
    assert len(lines) == MOST_WAITING + 1
    assert [line["left_out"] for line in lines if "left_out" in line] == [7]


async def test_what_could_not_be_written_waits() -> None:
    journal = Full()
    lab = Lab(journal=journal)
    audit = audit_of(lab)
    audit.ended(ASKED, 412)
    journal.full = True
    with pytest.raises(TransientError):
        await audit.flush()
    journal.full = False
    await audit.flush()
    assert [line["outcome"] for line in await lab.told("audit")] == ["answered 412"]
