"""Incidents as rows: opened in the tick that sees them, through the real loop, and what they keep from being sent."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from remediator.model.evidence import Outcome
from remediator.model.host import Host, Life
from remediator.model.incident import Incident, IncidentStage
from remediator.model.machine import Machine, Recovery
from remediator.model.policy import Budget, Correlated, Share
from remediator.model.request import Operation, Origin
from remediator.model.suspicion import BaseRate, Suspicion
from tests.remediator.builders import NOON, SECOND, dead, host, machine, operation, playbook, policy, volume
from tests.remediator.runtime.lab import Lab

PACED = (Budget("fleet", max_in_flight=Share(0.0, 2)),)
BOOKS = policy(
    playbook(correlated=Correlated(by=("rack", "region"))),
    playbook("rack_dead", correlated=Correlated(), budgets=PACED),
)
RACK = ("h1", "h2", "h3", "h4")
OTHERS = [host(f"q{n}", f"r{n}") for n in (2, 3, 4, 5)]


async def rack_of(lab: Lab) -> None:
    await lab.put(*(host(name) for name in RACK), *OTHERS)
    await lab.put(*(machine(f"m-{name}", on=name) for name in RACK))


async def pass_by(lab: Lab, seconds: int, *silent: str, off: bool = False) -> None:
    """Seconds in which those hosts are silent, and proved to be off where that is so."""
    known = lab.ledger.all(Host)
    for _ in range(seconds):
        lab.wait(1)
        lab.probes(**{name: Outcome.SILENT if name in silent else Outcome.OK for name in known})
        if off:
            for name in silent:
                lab.evidence.powered(name, "off", lab.clock.now())
        await lab.tick()


def incidents(lab: Lab) -> list[Incident]:
    return list(lab.ledger.all(Incident).values())


def begun(lab: Lab) -> set[str]:
    return {m.replaces for m in lab.ledger.all(Machine).values() if m.replaces}


async def test_a_silent_rack_is_one_incident_from_its_first_moment_and_nothing_is_done() -> None:
    lab = Lab(rules=BOOKS)
    await rack_of(lab)
    await pass_by(lab, 4)
    await pass_by(lab, 60, *RACK)
    (found,) = incidents(lab)
    # The vantage that sits in the rack goes on reporting: cut off, then, not dead.
    assert (found.label, found.value, found.hosts, found.stage) == ("rack", "r1", RACK, IncidentStage.PARTITIONED)
    assert begun(lab) == set()
    assert {hold.reason for hold in lab.loop.holds.values()} == {"Correlated"}
    stages = [entry["stage"] for entry in await lab.told("incident")]
    assert stages[0] == "open"
    assert stages[-1] == "partitioned"
    await lab.outbox.close()
    await lab.ledger.close()


async def test_a_rack_proved_to_be_off_is_recovered_without_a_person_two_hosts_at_a_time() -> None:
    lab = Lab(rules=BOOKS)
    await rack_of(lab)
    await pass_by(lab, 4)
    most = 0
    for _ in range(40):
        await pass_by(lab, 1, *RACK, off=True)
        making = [m for m in lab.ledger.all(Machine).values() if m.recovery is Recovery.PLACED]
        most = max(most, len(making))
        # Whatever was made runs by the next second.
        await lab.put(*(replace(m, recovery=Recovery.SERVING) for m in making))
    (found,) = incidents(lab)
    assert (found.stage, found.released) == (IncidentStage.RELEASED, RACK)
    assert begun(lab) == {f"m-{name}" for name in RACK}
    assert most == 2
    playbooks = {decision.playbook for decision in lab.loop.recent if decision.outcome == "act"}
    assert playbooks == {"rack_dead"}
    await lab.outbox.close()
    await lab.ledger.close()


async def test_it_ends_when_its_members_are_back_and_stays_for_as_long_as_it_explains(lab: Lab) -> None:
    over = Incident("i", "rack", "r1", NOON, RACK, IncidentStage.CLOSED, NOON, outcome="members returned but for h1")
    await lab.put(dead("h1"), *(host(name) for name in RACK[1:]), over)
    lab.wait(48 * 3600)
    await pass_by(lab, 1)
    lab.loop._forgot_at = NOON
    await lab.tick()
    assert incidents(lab) == [over]
    await lab.put(replace(lab.ledger.all(Host)["h1"], life=Life.HEALTHY))
    lab.loop._forgot_at = NOON
    await lab.tick()
    assert incidents(lab) == []


async def settle_for(lab: Lab, seconds: int, *silent: str) -> None:
    for _ in range(seconds):
        lab.wait(1)
        lab.probes(**{name: Outcome.SILENT if name in silent else Outcome.OK for name in lab.ledger.all(Host)})
        await lab.settle()


async def test_suspicions_are_remembered_with_their_end_and_make_the_base_rate(lab: Lab) -> None:
    await lab.put(host("h1"), *OTHERS)
    await settle_for(lab, 2)
    await settle_for(lab, 2, "h1")
    known = lab.ledger.all(Suspicion)["h1"]
    assert known.standing is not None
    await settle_for(lab, 3)
    known = lab.ledger.all(Suspicion)["h1"]
    assert [spell.blip for spell in known.spells] == [True]
    rate = lab.ledger.all(BaseRate)["fleet"]
    assert (rate.brief, rate.lasting) == (1.0, 0.0)
    lab.wait(3700)
    await settle_for(lab, 1)
    assert "h1" not in lab.ledger.all(Suspicion)


async def test_what_an_incident_took_is_no_part_of_the_base_rate(lab: Lab) -> None:
    await lab.put(host("h1"), *OTHERS, Incident("i", "rack", "r1", NOON, ("h1",)))
    await settle_for(lab, 2)
    await settle_for(lab, 2, "h1")
    await settle_for(lab, 3)
    assert "fleet" not in lab.ledger.all(BaseRate)


async def test_just_after_a_start_nobody_is_cleared_and_nobody_accused(lab: Lab) -> None:
    await lab.put(dead("h1"), host("h2"), Suspicion("h2").doubted(NOON - timedelta(minutes=1)))
    await lab.settle()
    assert "h1" not in lab.ledger.all(Suspicion)
    standing = lab.ledger.all(Suspicion)["h2"].standing
    assert standing is not None


def create(key: str, source: str, **more: Any) -> Operation:
    return operation(key, "create", "q2", args={"source": source, "machine_id": "n"}, **more)


async def test_an_incident_freezes_what_was_not_yet_sent_and_nothing_else(lab: Lab) -> None:
    await lab.put(*(dead(name) for name in RACK), dead("q9", "r9"), host("q2"))
    await lab.put(*(machine(f"m-{name}", on=name) for name in (*RACK, "q9")), volume("v1", on="h1"))
    held = Incident("i", "rack", "r1", NOON, RACK, released=("h4",))
    await lab.put(
        held,
        create("k-held", "m-h1"),
        create("k-sent", "m-h2", attempts=1),
        create("k-owners", "m-h3", origin=Origin.OWNER),
        create("k-let-go", "m-h4"),
        create("k-elsewhere", "m-q9"),
        operation("k-volume", "create_volume", "q2", args={"supersedes": "v1", "volume_id": "v2"}),
    )
    await lab.send("q2")
    assert set(lab.driver.performed) == {"k-sent", "k-owners", "k-let-go", "k-elsewhere"}
    await lab.put(replace(held, stage=IncidentStage.CLOSED))
    lab.wait(2 * SECOND.total_seconds())
    await lab.send("q2")
    assert {"k-held", "k-volume"} <= set(lab.driver.performed)
