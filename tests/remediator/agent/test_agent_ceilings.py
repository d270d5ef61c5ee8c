"""Ceilings that an agent holds by itself: too many automatic destroys, and any before patience is over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from remediator.agent.ceilings import Keeper
from remediator.agent.contact import Contact
from remediator.agent.state import Store
from remediator.clock import FakeClock
from remediator.model.errors import PermanentError, TransientError
from remediator.wire.statements import Ceilings, Document, signed_document

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY = SigningKey.generate()


def document(at: datetime = NOON, key: SigningKey = KEY, at_least: int = 2, share: float = 0.5) -> Document:
    return signed_document("ceilings", Ceilings(120.0, share, at_least, 3600.0, at), key)


async def keeper(tmp_path: Path) -> Keeper:
    made = Keeper.load(Store(tmp_path))
    made.key = KEY.verify_key
    return made


async def test_destroys_above_the_ceiling_are_refused_until_the_hour_is_over(tmp_path: Path) -> None:
    held = await keeper(tmp_path)
    await held.spend(4, NOON)
    assert held.spent == []
    await held.take(document())
    for left in (4, 3):
        await held.spend(left, NOON)
    with pytest.raises(
        TransientError, match="ceiling: 2 machines of this host were destroyed by automatic decisions"
    ):
        await held.spend(2, NOON + 3599 * SECOND)
    held.store.close()
    again = await keeper(tmp_path)
    with pytest.raises(TransientError, match="ceiling:"):
        await again.spend(2, NOON + 3599 * SECOND)
    await again.spend(2, NOON + 3600 * SECOND)
    again.store.close()


async def test_a_share_counts_what_was_there_before(tmp_path: Path) -> None:
    held = await keeper(tmp_path)
    await held.take(document(at_least=0))
    for left in (10, 9, 8, 7, 6):
        await held.spend(left, NOON)
    assert held.room(5, NOON) == 0
    held.store.close()


async def test_the_youngest_that_are_signed_hold(tmp_path: Path) -> None:
    held = await keeper(tmp_path)
    await held.take(document(NOON, at_least=3))
    await held.take(document(NOON - SECOND, at_least=9))
    with pytest.raises(PermanentError, match="not signed"):
        await held.take(document(NOON + SECOND, SigningKey.generate()))
    with pytest.raises(PermanentError, match="not signed"):
        await held.take({**document(NOON + SECOND), "at_least": 99})
    await held.take({})
    assert held.ceilings is not None
    assert held.ceilings.at_least == 3
    await held.take(document(NOON + SECOND, at_least=4))
    held.store.close()
    again = await keeper(tmp_path)
    assert again.ceilings == Ceilings(120.0, 0.5, 4, 3600.0, NOON + SECOND)
    again.store.close()


async def test_patience_is_counted_from_the_last_contact_of_this_life(tmp_path: Path) -> None:
    held = await keeper(tmp_path)
    assert held.early(1.0) == 0
    await held.take(document())
    assert (held.early(1.0), held.early(119.5), held.early(120.0), held.early(None)) == (119.0, 0.5, 0.0, 0.0)
    held.store.close()
    clock = FakeClock(NOON)
    contact = Contact.load(clock, tmp_path / "contact", "boot-1")
    assert contact.away() is None
    clock.set(NOON + 10 * SECOND)
    contact.made()
    contact.write()
    clock.set(NOON + 15 * SECOND)
    assert Contact.load(clock, tmp_path / "contact", "boot-1").away() == 5.0
    assert Contact.load(clock, tmp_path / "contact", "boot-2").away() is None
    (tmp_path / "contact").write_text("boot-1 99999999")
    assert Contact.load(clock, tmp_path / "contact", "boot-1").away() is None
