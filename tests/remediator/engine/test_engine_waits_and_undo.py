"""What waits is a hold with its reason; what was cordoned in passing is taken back."""

from dataclasses import replace
from datetime import timedelta

from remediator.actions.effects import Uncordon
from remediator.engine.undo import undos
from remediator.engine.waits import waits
from remediator.model.decision import Remediation
from remediator.model.evidence import Gate
from remediator.model.host import Host
from remediator.model.policy import Mode, Playbook, Policy, Undo
from remediator.model.request import Destroy, Origin
from tests.remediator.builders import NOON, fleet, host, machine, returning, sighting

HALF_AN_HOUR = timedelta(minutes=30)
FULL = Playbook("host_disk_full", Mode.AUTO, "host", (), undo=Undo("uncordon", HALF_AN_HOUR))
POLICY = Policy(playbooks={"host_disk_full": FULL})


def _cleared(ago: timedelta) -> Remediation:
    return Remediation(
        "host_disk_full", "h1", NOON - 2 * HALF_AN_HOUR, {"cordon": NOON}, NOON - ago, "the signal cleared"
    )


def _cordoned(why: str = "host_disk_full") -> Host:
    return host("h1", cordoned=why)


def test_a_cordon_is_taken_back_once_the_host_was_well_for_long_enough() -> None:
    seen = replace(fleet(_cordoned()), remediations={"host_disk_full/h1": _cleared(HALF_AN_HOUR)})
    found = list(undos(POLICY, seen, NOON))
    assert [effects for _, effects, _ in found] == [(Uncordon("h1", "host_disk_full"),)]
    again = replace(seen, remediations={"host_disk_full/h1": found[0][2]})
    assert list(undos(POLICY, again, NOON)) == []


def test_not_before_its_time_nor_what_somebody_else_cordoned_nor_while_frozen() -> None:
    early = replace(fleet(_cordoned()), remediations={"host_disk_full/h1": _cleared(HALF_AN_HOUR / 2)})
    theirs = replace(fleet(_cordoned("by anna")), remediations={"host_disk_full/h1": _cleared(HALF_AN_HOUR)})
    frozen = replace(theirs, hosts={"h1": _cordoned()}, frozen="by anna")
    for seen in (early, theirs, frozen):
        assert list(undos(POLICY, seen, NOON)) == []


def test_a_returned_host_that_is_not_admitted_says_why() -> None:
    back = returning("h1")
    holds = list(waits(fleet(back, machine("m1", on="h1")), NOON))
    assert [(hold.target, hold.reason) for hold in holds] == [("h1", "NotAdmitted")]
    assert "not connected" in holds[0].text


def test_an_automatic_destroy_waits_for_the_gate_and_an_owner_s_does_not() -> None:
    shut = Gate(open=False, reason="store out", since=NOON)
    doomed = {
        "m1": Destroy("m1", "web", "h1", Origin.AUTOMATIC, "replaced", NOON),
        "m2": Destroy("m2", "web", "h1", Origin.OWNER, "asked for", NOON),
    }

    seen = replace(fleet(host("h1")), gate=shut, destroys=doomed, sightings={"h1": sighting("h1", connected=True)})
    assert [(hold.reason, hold.text) for hold in waits(seen, NOON)] == [
        ("GateClosed", "1 condemned machines on h1 are not destroyed yet")
    ]
