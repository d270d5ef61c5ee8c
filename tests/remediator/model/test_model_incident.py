"""An incident moves along one table, and says when, why and by whom; nothing comes back from its end."""

from itertools import product

import pytest

from remediator.model.errors import ForbiddenEdge
from remediator.model.incident import EDGES, Incident, IncidentStage
from tests.remediator.builders import NOON, SECOND


def incident(stage: IncidentStage) -> Incident:
    return Incident("i1", "rack", "r1", NOON, ("h1", "h2"), stage=stage)


@pytest.mark.parametrize(("was", "to"), list(product(IncidentStage, IncidentStage)))
def test_it_moves_along_its_edges_and_no_others(was: IncidentStage, to: IncidentStage) -> None:
    known = incident(was)
    if to not in EDGES[was]:
        with pytest.raises(ForbiddenEdge, match=rf"incident i1: {was} -> {to} \(why\)"):
            known.moved_to(to, NOON + SECOND, "why", "ada")
        return
    moved = known.moved_to(to, NOON + SECOND, "why", "ada")
    assert (moved.stage, moved.moved_at, moved.reason, moved.moved_by) == (to, NOON + SECOND, "why", "ada")
    assert (moved.hosts, moved.opened_at, moved.open) == (known.hosts, NOON, to is not IncidentStage.CLOSED)


def test_nothing_comes_back_from_its_end() -> None:
    assert EDGES[IncidentStage.CLOSED] == frozenset()
