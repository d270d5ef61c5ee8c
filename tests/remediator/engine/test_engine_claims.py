"""What rules and agents claim of a host: each by its own word, and nobody else's."""

from typing import Any

import pytest

from remediator.engine.evidence.claims import claims_of, claims_of_agent
from remediator.model.evidence import Claim, VerdictKind
from tests.remediator.builders import NOON, alert

WEDGED = Claim(VerdictKind.WEDGED, "store", NOON, "its tasks are stuck in the kernel (HostDead)")


def test_a_rule_claims_what_its_playbook_is_called() -> None:
    """Those that may not be acted on, others' words, and rules about something else claim nothing."""
    told = (
        alert("h2", "host_wedged", actionable=False),
        alert("h3", "host_wedged", source="alertmanager"),
        alert("h4", "host_dead"),
        alert("h5", "host_wedged", labels={"playbook": "host_wedged"}),
        alert("h1", "host_wedged"),
        alert("h1", "host_unscraped"),
    )
    unscraped = Claim(VerdictKind.UNSCRAPED, "store", NOON, "no scrape of it succeeds (HostDead)")
    assert claims_of(told) == {"h1": (WEDGED, unscraped)}


def test_the_first_of_two_that_say_the_same_stands() -> None:
    later = alert("h1", "host_wedged", active_at=NOON.replace(hour=13))
    assert claims_of((alert("h1", "host_wedged"), later)) == {"h1": (WEDGED,)}


@pytest.mark.parametrize(
    ("report", "text"),
    [
        ({"disk": {"stuck": "md0 hangs"}}, "md0 hangs"),
        ({"disk": {"stuck": "x" * 300}}, "x" * 200),
        ({"disk": {"stuck": ""}}, ""),
        ({"disk": {"stuck": 7}}, ""),
        ({"disk": "stuck"}, ""),
        ({"disk": {}}, ""),
        ({}, ""),
    ],
)
def test_an_agent_says_what_is_stuck_or_nothing(report: dict[str, Any], text: str) -> None:
    told = (Claim(VerdictKind.WEDGED, "agent", NOON, text),) if text else ()
    assert claims_of_agent(report, NOON) == told
