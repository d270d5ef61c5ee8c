"""Names of label sets, and when groups are due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from remediator.model.alert import Group
from remediator.sources.fingerprint import fingerprint, fnv1a
from remediator.sources.slots import missed, offset, slot_at

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_fnv_has_its_published_values() -> None:
    assert fnv1a(b"") == 0xCBF29CE484222325
    assert fnv1a(b"a") == 0xAF63DC4C8601EC8C
    assert fnv1a(b"foobar") == 0x85944171F73967E8


def test_fingerprints_do_not_depend_on_order_and_keep_names_from_values_apart() -> None:
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    assert fingerprint({"a": "bc"}) != fingerprint({"ab": "c"})
    assert len(fingerprint({})) == 16


def test_a_groups_shift_is_its_own_and_within_the_interval() -> None:
    groups = [Group(f"g{n}", "alerts/x.yml", SECOND, ()) for n in range(50)]
    shifts = {offset(group) for group in groups}
    assert len(shifts) == 50
    assert all(timedelta() <= shift < SECOND for shift in shifts)
    assert offset(groups[0], spread=False) == timedelta()


@given(st.integers(0, 10**9), st.integers(1, 3600), st.integers(0, 3599))
def test_slots_are_multiples_of_the_interval(later: int, seconds: int, shift: int) -> None:
    interval, moved = timedelta(seconds=seconds), timedelta(seconds=shift % seconds)
    now = NOON + timedelta(milliseconds=later)
    slot = slot_at(now, interval, moved)
    assert now - interval < slot <= now
    assert slot_at(slot, interval, moved) == slot
    assert slot_at(slot + interval, interval, moved) == slot + interval


def test_missed_slots_are_counted() -> None:
    assert missed(None, NOON, SECOND) == 0
    assert missed(NOON, NOON + SECOND, SECOND) == 0
    assert missed(NOON, NOON + 4 * SECOND, SECOND) == 3
