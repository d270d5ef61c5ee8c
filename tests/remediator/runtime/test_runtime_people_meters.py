"""What people are asked and hold, as a scrape sees it."""

from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest

from remediator.model.incident import Incident
from remediator.model.machine import MachineState, Recovery
from remediator.model.people import Answer, Approval, OperatorHold, Release, Scope
from remediator.model.request import Demand
from remediator.runtime.people.meters import PeopleMeters
from tests.remediator.builders import NOON, dead, host, machine
from tests.remediator.runtime.lab import Lab

HOUR = timedelta(hours=1)


def page(lab: Lab) -> set[str]:
    registry = CollectorRegistry()
    registry.register(PeopleMeters(lab.watch.fleet, lambda: ("host_dead",), lab.clock))
    return {line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")}


async def test_with_nothing_to_tell_there_are_zeros(lab: Lab) -> None:
    told = page(lab)
    assert 'fleetmend_questions{playbook="host_dead"} 0.0' in told
    assert {line.rpartition(" ")[2] for line in told} == {"0.0"}


async def test_what_stands_is_counted_and_what_ended_is_not(lab: Lab) -> None:
    asked = Approval("q1", "host_dead", "h1", "recreate", NOON, NOON + HOUR, "hold_and_page", "")
    answered = Approval("q2", "host_dead", "h2", "recreate", NOON, NOON + HOUR, "", "", answer=Answer.APPROVED)
    hold = OperatorHold(Scope.RACK, "r1", "ada", "psu", NOON, NOON + HOUR)
    over = OperatorHold(Scope.RACK, "r2", "ada", "psu", NOON - HOUR, NOON)
    await lab.put(asked, answered, hold, over, Release("rel1", ("h1",), "ada", "known", NOON, NOON + HOUR))
    await lab.put(host(maintenance_until=NOON), host("h2", attested="removed"), Incident("i", "rack", "r1", NOON, ()))
    await lab.put(machine())
    told = page(lab)
    assert told >= {
        'fleetmend_questions{playbook="host_dead"} 1.0',
        'fleetmend_operator_holds{scope="rack"} 1.0',
        'fleetmend_incidents{stage="open"} 1.0',
        'fleetmend_maintenance_hosts{state="over"} 1.0',
        'fleetmend_leaving_hosts{attested="removed"} 1.0',
        'fleetmend_single_apps{on="machine"} 1.0',
        "fleetmend_releases 1.0",
    }


async def test_machines_of_dead_hosts_are_counted_by_what_they_are_stuck_by(lab: Lab) -> None:
    held = machine().recovering(Recovery.HELD, "its full config is on its host alone: not marked recoverable", NOON)
    await lab.put(dead(), held, machine("m2"), machine("m3"), machine("m4", state=MachineState.STOPPED))
    await lab.put(Demand("web/m3", "web", "arn", machine().asks, 1, NOON, NOON), host("h2"), machine("m5", on="h2"))
    told = {line for line in page(lab) if line.startswith("fleetmend_machines_held") and not line.endswith(" 0.0")}
    assert told == {
        f'fleetmend_machines_held{{reason="{word}"}} 1.0' for word in ("NotRecoverable", "Undecided", "NoRoom")
    }


async def test_apps_are_counted_anew_now_and_then(lab: Lab) -> None:
    registry = CollectorRegistry()
    registry.register(PeopleMeters(lab.watch.fleet, tuple, lab.clock))
    told = []
    for after in (0, 1, 30):
        lab.wait(after)
        told.append('single_apps{on="machine"} 1.0' in generate_latest(registry).decode())
        await lab.put(host(), machine())
    assert told == [False, False, True]
