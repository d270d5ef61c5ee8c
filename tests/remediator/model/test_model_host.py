"""A host's life follows one table, its identity is compared field by field, its room is what is left."""

from dataclasses import replace
from itertools import product

import pytest

from remediator.model.errors import ForbiddenEdge
from remediator.model.host import EDGES, Capacity, Fence, HostStatus, Identity, Life
from tests.remediator.builders import NOON, SECOND, dead, host, proved

ALLOWED = [(was, to) for was, many in EDGES.items() for to in sorted(many)]
FORBIDDEN = [pair for pair in product(Life, Life) if pair[1] not in EDGES[pair[0]]]


@pytest.mark.parametrize(("was", "to"), ALLOWED)
def test_an_edge_of_the_table_may_be_taken(was: Life, to: Life) -> None:
    moved = host(life=was).moved_to(to, now=NOON, reason="why")
    assert (moved.life, moved.since, moved.reason) == (to, NOON, "why")


@pytest.mark.parametrize(("was", "to"), FORBIDDEN)
def test_every_other_edge_is_forbidden(was: Life, to: Life) -> None:
    with pytest.raises(ForbiddenEdge, match=f"host h1: {was} -> {to}"):
        host(life=was).moved_to(to, now=NOON, reason="why")


def test_the_table_says_what_the_domain_says() -> None:
    assert EDGES[Life.RETIRED] == frozenset()
    assert Life.HEALTHY not in EDGES[Life.DEAD] | EDGES[Life.RETURNING]
    assert EDGES[Life.RETURNING] == {Life.PROBATION, Life.DEAD}
    assert set(EDGES) == set(Life)


def test_death_is_dated_and_a_return_counts_the_epoch() -> None:
    lost = host(epoch=3).moved_to(Life.DEAD, now=NOON, reason="silent")
    assert (lost.died_at, lost.returned_at, lost.epoch) == (NOON, None, 3)
    back = lost.moved_to(Life.RETURNING, now=NOON + SECOND, reason="hello")
    assert (back.died_at, back.returned_at, back.epoch) == (NOON, NOON + SECOND, 4)


def test_whoever_is_dead_is_unreachable_and_since_when_is_kept() -> None:
    lost = host().moved_to(Life.DEAD, now=NOON, reason="silent")
    assert (lost.status, lost.status_since) == (HostStatus.UNREACHABLE, NOON)
    again = replace(lost, life=Life.RETURNING).moved_to(Life.DEAD, now=NOON + SECOND, reason="cut off")
    assert (again.died_at, again.status_since) == (NOON + SECOND, NOON)


def test_proof_of_power_off_ends_with_the_next_contact() -> None:
    """An old proof must not fence a second death that has none of its own."""
    back = proved(dead()).moved_to(Life.RETURNING, now=NOON, reason="hello")
    again = back.moved_to(Life.DEAD, now=NOON + SECOND, reason="cut off")
    assert (again.fence, again.fence_by, again.fence_at) == (Fence.NONE, "", None)


def test_a_status_keeps_its_date_while_it_lasts() -> None:
    known = host()
    assert known.with_status(HostStatus.OK, NOON) is known
    changed = known.with_status(HostStatus.UNKNOWN, NOON)
    assert (changed.status, changed.status_since) == (HostStatus.UNKNOWN, NOON)


def test_work_goes_to_healthy_joined_uncordoned_hosts_that_are_in_touch() -> None:
    assert host().takes_work
    others = {"cordoned": "by hand"}, {"joined": False}, {"status": HostStatus.UNKNOWN}, {"life": Life.PROBATION}
    assert not any(host(**change).takes_work for change in others)
    # Nor to one that may still be cut off for an earlier life.
    assert not host(cut_off_in=1, epoch=2).takes_work
    assert host(cut_off_in=0, epoch=2).takes_work


@pytest.mark.parametrize("before", list(Fence))
def test_a_persons_word_is_the_proof_whoever_proved_it_before(before: Fence) -> None:
    off = dead(fence=before, fence_by="orchestrator", fence_at=NOON).vouched("ada: wiped", NOON + SECOND)
    assert (off.fence, off.fence_by, off.fence_at) == (Fence.PROVED, "ada: wiped", NOON + SECOND)


def test_one_that_leaves_of_its_own_accord_is_not_attested_to_be_gone() -> None:
    told = {word: host(attested=word).attested_gone for word in ("", "removed", "wiped", "destroyed")}
    assert told == {"": False, "removed": False, "wiped": True, "destroyed": True}


def test_capacity_adds_subtracts_and_fits_in_every_dimension() -> None:
    small, large = Capacity(1, 256, 10), Capacity(2, 512, 20)
    assert small + small == large
    assert large - small == small
    assert small.fits(small)
    for dimension in ("cpus", "memory_mb", "disk_mb"):
        assert not replace(small, **{dimension: 10_000}).fits(large)


@pytest.mark.parametrize(
    ("mine", "theirs", "contradicts"),
    [
        (Identity("u", "k", "d"), Identity("u", "k", "d"), False),
        (Identity("u", "k", "d"), Identity("u", "k", "other"), True),
        (Identity("u", "k", "d"), Identity("other", "k", "d"), True),
        (Identity("u", "k", "d"), Identity("u", "other", "d"), True),
        # What cannot be read is no statement.
        (Identity("u", "", "d"), Identity("", "k", "d"), False),
        (Identity(), Identity("u", "k", "d"), False),
    ],
)
def test_identities_contradict_only_where_both_speak(mine: Identity, theirs: Identity, *, contradicts: bool) -> None:
    assert mine.contradicts(theirs) is contradicts
    assert theirs.contradicts(mine) is contradicts
