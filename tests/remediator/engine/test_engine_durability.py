"""Where what was acknowledged can be lost, what destroys asks first; what adds goes on."""

from dataclasses import replace

from remediator.engine.guards.durability import durability
from remediator.engine.guards.self_fencing import self_fencing, self_fencing_adding
from remediator.engine.guards.table import BY_KIND
from remediator.model.policy import Kind
from tests.remediator.builders import case, dead, fleet

UNSAFE = case(replace(fleet(dead()), doubts={"CanBeLost": "acknowledged requests can be lost: no standby"}))


def test_it_asks_before_what_destroys_and_says_why() -> None:
    hold = durability(UNSAFE)
    assert hold is not None
    assert (hold.reason, hold.asks) == ("CanBeLost", True)
    assert hold.text == "acknowledged requests can be lost: no standby"
    assert [kind for kind, many in BY_KIND.items() if durability in many] == [Kind.DESTRUCTIVE]


def test_without_the_doubt_it_says_nothing() -> None:
    assert durability(case(fleet(dead()))) is None


def test_it_is_no_doubt_about_ourselves() -> None:
    assert self_fencing(UNSAFE) is None
    assert self_fencing_adding(UNSAFE) is None
    both = replace(UNSAFE.fleet, doubts={**UNSAFE.fleet.doubts, "LoopLag": "2 s"})
    hold = self_fencing(replace(UNSAFE, fleet=both))
    assert hold is not None
    assert hold.facts == {"doubts": ["LoopLag"]}
