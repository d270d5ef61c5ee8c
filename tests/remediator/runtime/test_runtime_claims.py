"""What agents and rules say is wrong with hosts that answer, up to the verdict; statuses know nothing of it."""

from typing import Any

import pytest

from remediator.engine.evidence.claims import claims_of_agent
from remediator.model.alert import Alert
from remediator.model.evidence import Outcome, VerdictKind
from remediator.model.host import HostStatus
from tests.remediator.builders import NOON, alert, host
from tests.remediator.runtime.lab import Lab, hello

STUCK = "3 tasks are stuck in the kernel"


def verdict(lab: Lab, name: str = "h1") -> tuple[VerdictKind, str]:
    found = lab.watch.look()
    assert found.hosts[name].status is HostStatus.OK
    return found.verdicts[name].kind, found.verdicts[name].reason


async def reports(lab: Lab, stuck: str) -> None:
    lab.wait(1)
    lab.probes(h1=Outcome.OK, h10=Outcome.OK)
    await lab.agents.heard("h1", {"disk": {"size_mb": 1, "available_mb": 1, "stuck": stuck}})


async def test_an_agent_says_that_its_host_does_no_work(lab: Lab) -> None:
    await lab.agents.greeted("h1", hello("h1"))
    await lab.agents.greeted("h10", hello("h10"))
    await reports(lab, "")
    assert verdict(lab) == (VerdictKind.ALIVE, "answers probes")
    await reports(lab, STUCK)
    assert verdict(lab) == (VerdictKind.WEDGED, f"answers, but {STUCK}")
    assert verdict(lab, "h10")[0] is VerdictKind.ALIVE
    since = lab.watch.fleet().verdicts["h1"].since
    await reports(lab, STUCK)
    assert verdict(lab)[0] is VerdictKind.WEDGED
    assert lab.watch.fleet().verdicts["h1"].since == since
    await reports(lab, "")
    assert verdict(lab)[0] is VerdictKind.ALIVE


@pytest.mark.parametrize(
    "report", [{}, {"disk": {"size_mb": 1}}, {"disk": "full"}, {"disk": {"stuck": 7}}, {"disk": {"stuck": ""}}]
)
def test_an_agent_of_before_or_one_that_talks_nonsense_says_nothing(report: dict[str, Any]) -> None:
    assert claims_of_agent(report, NOON) == ()


def test_no_agent_fills_the_journal_with_its_words() -> None:
    (claim,) = claims_of_agent({"disk": {"stuck": "x" * 5000}}, NOON)
    assert len(claim.text) == 200


@pytest.mark.parametrize(
    ("playbook", "kind"),
    [
        ("host_wedged", VerdictKind.WEDGED),
        ("host_unscraped", VerdictKind.UNSCRAPED),
        ("host_store_gap", VerdictKind.STORE_GAP),
        ("host_label_drift", VerdictKind.LABEL_DRIFT),
    ],
)
async def test_a_rule_says_what_the_store_knows(lab: Lab, playbook: str, kind: VerdictKind) -> None:
    await lab.put(host("h1"), host("h10"))
    told: list[Alert] = []
    lab.watch.alerts = lambda: tuple(told)
    lab.probes(h1=Outcome.OK, h10=Outcome.OK)
    assert verdict(lab)[0] is VerdictKind.ALIVE
    told.append(alert("h1", playbook))
    assert verdict(lab)[0] is kind
    assert verdict(lab, "h10")[0] is VerdictKind.ALIVE
    # What was seen through a gate that has closed since is no more than shown.
    told[:] = [alert("h1", playbook, actionable=False)]
    assert verdict(lab)[0] is VerdictKind.ALIVE
