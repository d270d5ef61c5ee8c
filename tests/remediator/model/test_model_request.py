"""Destroys, migrations and bursts move along one table and end; nothing comes back from its end."""

from datetime import timedelta
from itertools import product

import pytest

from remediator.model.errors import ForbiddenEdge
from remediator.model.host import Capacity
from remediator.model.request import (
    EDGES,
    Burst,
    BurstStage,
    DestroyStage,
    Migration,
    MigrationStage,
    Stage,
)
from tests.remediator.builders import NOON, SECOND, destroy, operation

D, M, B = DestroyStage, MigrationStage, BurstStage


def burst(stage: BurstStage) -> Burst:
    return Burst("b1", "arn", 1, Capacity(), NOON, (), stage=stage)


def migration(stage: MigrationStage) -> Migration:
    return Migration("g1", "m1", "web", "h1", "h2", NOON, "disk full", stage=stage)


@pytest.mark.parametrize(("was", "to"), list(product(D, D)))
def test_destroys_follow_the_table(was: DestroyStage, to: DestroyStage) -> None:
    known = destroy(stage=was)
    if to in EDGES.get(was, frozenset()):
        moved = known.moved_to(to, NOON + SECOND, epoch=4)
        assert (moved.stage, moved.moved_at, moved.epoch) == (to, NOON + SECOND, 4)
        assert moved.moved_to(to, NOON).epoch == 4 if to in EDGES.get(to, frozenset()) else True
    else:
        with pytest.raises(ForbiddenEdge, match="destroy of m1"):
            known.moved_to(to, NOON)


@pytest.mark.parametrize(("was", "to"), list(product(M, M)))
def test_migrations_follow_the_table(was: MigrationStage, to: MigrationStage) -> None:
    if to in EDGES.get(was, frozenset()):
        assert migration(was).moved_to(to, NOON, "note").note == "note"
    else:
        with pytest.raises(ForbiddenEdge, match="migration g1"):
            migration(was).moved_to(to, NOON)


@pytest.mark.parametrize(("was", "to"), list(product(B, B)))
def test_bursts_follow_the_table(was: BurstStage, to: BurstStage) -> None:
    if to in EDGES.get(was, frozenset()):
        assert burst(was).moved_to(to, NOON).stage is to
    else:
        with pytest.raises(ForbiddenEdge, match="burst b1"):
            burst(was).moved_to(to, NOON)


def test_a_destroy_is_open_until_absence_was_seen() -> None:
    assert {stage for stage in D if destroy(stage=stage).open} == set(D) - {D.VERIFIED_ABSENT}


def test_every_stage_of_a_destroy_leads_to_seen_absent() -> None:
    assert all(D.VERIFIED_ABSENT in EDGES[stage] for stage in D if stage is not D.VERIFIED_ABSENT)


def test_migrations_and_bursts_end() -> None:
    ends = {stage for stage in M if not migration(stage).open}
    assert ends == {M.DONE, M.ROLLED_BACK, M.STUCK}
    assert {stage for stage in B if not burst(stage).open} == {B.CONSUMED, B.EXPIRED, B.STUCK}


def test_a_note_stands_until_a_new_one_is_given() -> None:
    noted = migration(M.PLANNED).moved_to(M.RESERVED, NOON, "first").moved_to(M.COPYING, NOON)
    assert noted.note == "first"


def test_operations_are_open_until_they_are_done_or_failed() -> None:
    open_ones = {stage for stage in Stage if operation(stage=stage).open}
    assert open_ones == {Stage.WRITTEN, Stage.SENT}
    assert operation(not_before=NOON + timedelta(seconds=1)).open
