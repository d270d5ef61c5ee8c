"""People's commands, and what the engine makes of their words, with the real desk, loop and ledger."""

import json
from datetime import timedelta
from typing import Any

import pytest

from remediator.model.enrolment import Enrolment
from remediator.model.evidence import Gate, Outcome
from remediator.model.host import Host, Life
from remediator.model.machine import Machine, Recovery
from remediator.model.people import Approval
from remediator.runtime.agents.enrol import Enrolments
from remediator.runtime.agents.enrol import Identity as Names
from remediator.runtime.effects.prepare import Preparation
from tests.remediator.api.people_site import TOKEN, Site
from tests.remediator.builders import NOON, host, machine, operation

HOUR = timedelta(hours=1)


def question(**more: Any) -> Approval:
    held: dict[str, Any] = {
        "asked_at": NOON,
        "expires_at": NOON + HOUR / 2,
        "then": "hold_and_page",
        "text": "restore with 2 h lost?",
    }
    return Approval(
        **({"id": "q1", "playbook": "host_dead", "target": "h1", "action": "restore_volumes"} | held | more)
    )


async def test_the_commands_say_and_list(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    await site.lab.put(host(), host("h2"), machine("m1", app="blog"), question())
    assert await site.run("questions") == 0
    assert "q1  waits   host_dead  restore_volumes  h1" in capsys.readouterr().out
    assert await site.run("approve", "h1") == 0
    assert "host_dead/h1/restore_volumes is approved by" in capsys.readouterr().out
    assert await site.run("hold", "host", "h1", "--for", "2h", "--why", "psu") == 0
    assert await site.run("release", "h2", "--why", "known") == 0
    capsys.readouterr()
    assert await site.run("holds") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["held", "host", "h1"],
        ["released", "h2", lines[2].split()[2]],
    ]
    assert await site.run("maintenance", "start", "h2", "--until", "2026-08-01T13:00:00Z", "--why", "disk") == 0
    assert await site.run("maintenance", "list", "--json") == 0
    shown = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert [(each["host"], each["over"]) for each in shown] == [("h2", False)]
    assert await site.run("apps", "--single") == 0
    assert "blog  machine  1" in capsys.readouterr().out
    assert await site.run("said") == 0
    words = [line.split()[2] for line in capsys.readouterr().out.splitlines()]
    assert words[1:] == ["maintenance", "release", "hold", "approve"]
    assert await site.run("incidents") == 0
    assert capsys.readouterr().out == "There is no incident.\n"


async def test_many_questions_are_answered_at_once_and_the_wrong_one_is_told(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.lab.put(host(), question(), question(target="h2", id="q2"))
    assert await site.run("deny", "h1", "h7", "q2", "--why", "not tonight") == 2
    said = capsys.readouterr()
    assert [line.split(" by ")[0] for line in said.out.splitlines()] == [
        "host_dead/h1/restore_volumes is denied",
        "host_dead/h2/restore_volumes is denied",
    ]
    assert "no question is called 'h7'" in said.err


async def test_a_command_that_is_refused_says_why_in_one_line(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    await site.lab.put(host())
    assert await site.run("retire", "h11", "--attest", "wiped", "--why", "fire") == 2
    told = capsys.readouterr().err
    assert told == "fleetmend: the remediator answers 404: not_found: no host is called 'h11' (did you mean 'h1'?)\n"


@pytest.mark.parametrize(
    "words",
    [
        ("hold", "host", "h1", "--for", "2h"),
        ("hold", "host", "h1", "--why", "x", "--for", "2"),
        ("hold", "host", "h1", "--why", "x", "--for", "0s"),
        ("hold", "host", "h1", "--why", "x", "--for", "1h", "--until", "2026-08-01T13:00:00Z"),
        ("retire", "h1", "--why", "x"),
    ],
)
async def test_a_command_without_what_matters_is_no_command(site: Site, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        await site.run(*words)
    assert ended.value.code == 2


async def test_what_the_engine_asks_with_the_gate_closed_is_done_once_a_person_says_yes(site: Site) -> None:
    lab = site.lab
    lab.dial.state = Gate(open=False, reason="store is silent", since=NOON)
    hosts = [host(f"h{n}", f"r{n}") for n in (1, 2, 3)]
    await lab.put(*hosts, machine("m1"))
    for step in range(14):
        lab.wait(0.5)
        lost = Outcome.OK if step < 2 else Outcome.SILENT
        lab.probes(h1=lost, h2=Outcome.OK, h3=Outcome.OK)
        await lab.tick()
    assert lab.ledger.all(Host)["h1"].life is Life.DEAD
    (asked,) = [each for each in await site.read("/v1/people/questions") if each["waits"]]
    assert (asked["target"], asked["action"]) == ("h1", "recreate")
    assert lab.ledger.all(Machine)["m1"].recovery is Recovery.NONE
    assert (await site.say("approve", question=asked["id"]))[0] == 200
    lab.wait(0.5)
    lab.probes(h1=Outcome.SILENT, h2=Outcome.OK, h3=Outcome.OK)
    await lab.tick()
    assert lab.ledger.all(Machine)["m1"].recovery is Recovery.PLACED


async def test_a_persons_hold_wins_over_the_playbook_until_it_is_lifted(site: Site) -> None:
    lab = site.lab
    await lab.put(*(host(f"h{n}", f"r{n}") for n in (1, 2, 3)), machine("m1"))
    await site.say("hold", scope="app", name="web", for_seconds=600)
    await site.say("hold", scope="host", name="h1", for_seconds=600)

    async def look(times: int) -> None:
        for _ in range(times):
            lab.wait(0.5)
            lab.probes(h1=Outcome.SILENT, h2=Outcome.OK, h3=Outcome.OK)
            await lab.tick()

    await look(14)
    assert lab.ledger.all(Host)["h1"].life is Life.DEAD
    assert {hold.reason for hold in lab.loop.holds.values()} == {"OperatorHold"}
    await site.say("unhold", scope="host", name="h1")
    await look(2)
    held = lab.ledger.all(Machine)["m1"]
    assert (held.recovery, held.replaced_by) == (Recovery.HELD, "")
    assert "holds app web" in held.recovery_reason
    await site.say("unhold", scope="app", name="web")
    await look(2)
    assert lab.ledger.all(Machine)["m1"].recovery is Recovery.PLACED


class Opener:
    """An unsealer that opens anything."""

    async def unseal(self, envelope: object, verify_key: str, target_key: str, operation: str) -> tuple[str, str]:
        return f"box for {target_key}", "digest"


async def test_every_unsealing_is_listed_for_the_apps_owner_once(site: Site) -> None:
    lab = site.lab
    for name in ("h1", "h2"):
        await lab.put(Enrolment(name, "agent", "arn", "r1", NOON, f"verify-{name}", f"box-{name}"))
    await lab.put(machine("m1"))
    prepare = Preparation(
        lab.ledger, Opener(), Enrolments(lab.ledger, Names({}, "", b"secret"), lab.clock), lab.clock
    )
    create = operation("create:m9", "create", on="h2", args={"source": "m1"}, machine="m9")
    for _ in range(2):
        await prepare(create)
    async with site.client.get("/v1/apps/web/unsealings", headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        (told,) = await response.json()
    assert (told["machine"], told["for"], told["host"]) == ("m1", "m9", "h2")
    events = [event.kind for event in lab.ledger.all(Machine)["m1"].events]
    assert events == ["unsealed"]
    async with site.client.get("/v1/apps/web/unsealings") as response:
        assert response.status == 401
