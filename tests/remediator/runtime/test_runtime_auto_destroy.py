"""A machine whose config says ``auto_destroy`` is destroyed when it has ended by itself, and only then."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.model.machine import Machine, MachineState
from remediator.model.request import Destroy, Origin
from tests.remediator.builders import host, machine
from tests.remediator.runtime.lab import Lab, record

CONFIG = {"auto_destroy": True}


async def test_what_is_not_ours_is_held_all_the_same(lab: Lab) -> None:
    await lab.put(host("h1"), replace(machine("m1"), config=CONFIG, adopted=True))
    await lab.agents.heard("h1", {"machines": [record("m1", "stopped", scrubbed=CONFIG, over=True)]})
    assert not lab.ledger.all(Destroy)


@pytest.mark.parametrize(
    ("told", "destroyed"),
    [
        ({"state": "stopped", "exit_code": 0, "over": True}, True),
        ({"state": "failed", "exit_code": 1, "over": True}, True),
        # Its owner stopped it, it was cut off, or its host began anew.
        ({"state": "stopped", "exit_code": 0, "over": False}, False),
        ({"state": "stopped", "exit_code": 0}, False),
        ({"state": "stopped", "exit_code": 0, "over": True, "scrubbed": {}}, False),
        ({"state": "stopped", "exit_code": 0, "over": True, "scrubbed": {"auto_destroy": "true"}}, False),
    ],
)
async def test_it_goes_when_it_is_over(lab: Lab, told: dict[str, Any], destroyed: bool) -> None:
    await lab.put(host("h1"), replace(machine("m1"), config=CONFIG))
    await lab.agents.heard("h1", {"machines": [record("m1", **{"scrubbed": CONFIG} | told)]})
    known, end = lab.ledger.get(Machine, "m1"), lab.ledger.get(Destroy, "m1")
    assert known is not None
    assert (end is not None, known.state is MachineState.DESTROYING) == (destroyed, destroyed)
    assert end is None or end.origin is Origin.OWNER
