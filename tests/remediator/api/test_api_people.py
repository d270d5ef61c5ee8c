"""People's words over HTTP and from the command line, against the real desk with a real ledger."""

from datetime import timedelta
from typing import Any

import pytest

from remediator.engine.evidence.identity import claimed
from remediator.model.evidence import Gate
from remediator.model.host import Host, Identity, Life
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.people import Answer, Approval, OperatorHold, Release, Scope
from remediator.model.request import Destroy, DestroyStage, Migration
from tests.remediator.api.people_site import Site
from tests.remediator.builders import NOON, dead, destroy, host, machine

HOUR = timedelta(hours=1)


def question(**more: Any) -> Approval:
    held: dict[str, Any] = {
        "asked_at": NOON,
        "expires_at": NOON + HOUR / 2,
        "then": "hold_and_page",
        "text": "restore with 2 h lost?",
    }
    return Approval("q1", "host_dead", "h1", "restore_volumes", **(held | more))


async def test_saying_needs_the_token_and_reading_does_not(site: Site) -> None:
    await site.lab.put(host())
    status, _ = await site.say("hold", token="wrong", scope="host", name="h1", for_seconds=60)
    assert status == 401
    assert await site.read("/v1/people/holds") == []


async def test_a_hold_is_durable_journalled_shown_and_lifted(site: Site) -> None:
    await site.lab.put(host())
    status, told = await site.say("hold", scope="host", name="h1", for_seconds=7200)
    assert (status, told["changed"]) == (200, True)
    assert told["text"] == "host h1 is held until 2026-08-01 14:00:00Z by ada (operator token): new psu"
    kept = site.lab.journal.rows()["OperatorHold"]["host/h1"].value
    assert kept == OperatorHold(Scope.HOST, "h1", "ada (operator token)", "new psu", NOON, NOON + 2 * HOUR)
    (entry,) = await site.lab.told("people")
    assert (entry["word"], entry["by"], entry["why"]) == ("hold", "ada (operator token)", "new psu")
    (shown,) = await site.read("/v1/people/holds")
    assert (shown["name"], shown["command"]) == ("h1", "fleetmend unhold host h1")
    assert (await site.say("unhold", scope="host", name="h1"))[1]["changed"]
    assert not site.lab.ledger.all(OperatorHold)


async def test_a_hold_shows_what_lifts_it(site: Site) -> None:
    await site.lab.put(host())
    for body in ({"scope": "fleet"}, {"scope": "host", "name": "h1", "playbook": "host_dead"}):
        assert (await site.say("hold", for_seconds=60, **body))[0] == 200
    lifts = [each["command"] for each in await site.read("/v1/people/holds")]
    assert sorted(lifts) == ["fleetmend unhold fleet", "fleetmend unhold host h1 --playbook host_dead"]


async def test_the_same_word_twice_is_one_and_one_entry(site: Site) -> None:
    await site.lab.put(host())
    until = {"until": "2026-08-01T14:00:00Z"}
    first = await site.say("hold", scope="host", name="h1", **until)
    second = await site.say("hold", scope="host", name="h1", **until)
    assert (first[1]["changed"], second[1]["changed"]) == (True, False)
    assert len(await site.lab.told("people")) == 1
    (said,) = await site.read("/v1/people/said")
    assert (said["word"], said["subject"], said["by"]) == ("hold", "h1", "ada (operator token)")


async def test_freezes_and_thaws_are_told_among_the_words_with_who_and_why(site: Site) -> None:
    lab, word = site.lab, {"frozen": True, "who": "bob", "why": "drill", "at": NOON.isoformat()}
    lab.watch.freeze_word = lambda: dict(word)
    for frozen in ("by bob: drill", "", "by the file freeze", ""):
        lab.wait(1)
        lab.dial.stopped = frozen
        word |= {"frozen": frozen.startswith("by bob"), "why": "drill" if frozen else "it is over"}
        await lab.loop.tick(lab.dial)
    told = [(each["word"], each["by"], each["text"]) for each in await site.read("/v1/people/said")]
    assert told[::-1][:3] == [
        ("freeze", "bob", "all acting is stopped: by bob: drill"),
        ("thaw", "bob", "acting may go on by bob: it is over"),
        # Nobody's signed word.
        ("freeze", "", "all acting is stopped: by the file freeze"),
    ]


@pytest.mark.parametrize(
    ("word", "body", "status", "text"),
    [
        ("hold", {"scope": "host", "name": "h11", "for_seconds": 60}, 404, "did you mean 'h1'?"),
        ("hold", {"scope": "host", "name": "h1"}, 400, "say when it ends"),
        ("hold", {"scope": "moon", "name": "h1"}, 400, "scope: "),
        ("hold", {"scope": "host", "name": "h1", "until": "2026-08-01T11:00:00Z"}, 400, "is in the past"),
        ("hold", {"scope": "host", "name": "h1", "until": "2026-08-01T14:00:00"}, 400, "no time zone"),
        ("hold", {"scope": "host", "name": "h1", "until": "tomorrow"}, 400, "until: is no moment"),
        ("hold", {"scope": "host", "name": "h1", "until": "0001-01-01T00:00:00+14:00"}, 400, "until: is no moment"),
        ("hold", {"scope": "host", "name": "h1", "until": "x", "for_seconds": 1}, 400, "not both"),
        ("hold", {"scope": "host", "name": "h1", "for_seconds": 60, "why": ""}, 400, "why: say why"),
        ("hold", {"scope": "host", "name": "h1", "for_seconds": 60, "by": "a\nb"}, 400, "by: "),
        ("maintenance", {"hosts": [], "for_seconds": 60}, 400, "hosts: "),
        ("retire", {"host": "h1", "attested": "lost"}, 400, "attested: "),
        ("retire", {"host": "h1", "attested": "wiped"}, 412, "fleetmend host remove h1"),
        ("deny", {"question": "h7", "why": ""}, 400, "why: say why"),
        ("approve", {"question": "h7"}, 404, "no question is called 'h7'"),
        ("undo", {"playbook": "host_ded", "target": "h1"}, 404, "did you mean 'host_dead'?"),
        ("release", {}, 400, "name hosts, an incident, or a playbook"),
    ],
)
async def test_a_word_that_cannot_be_is_refused_with_a_clear_text_and_changes_nothing(
    site: Site, word: str, body: dict[str, Any], status: int, text: str
) -> None:
    await site.lab.put(host())
    before = site.lab.ledger.sequence
    answered, told = await site.say(word, **body)
    assert (answered, site.lab.ledger.sequence) == (status, before)
    assert text in told["error"]


async def test_a_question_is_listed_with_its_command_and_answered_once(site: Site) -> None:
    await site.lab.put(host(), question())
    (shown,) = await site.read("/v1/people/questions")
    assert (shown["command"], shown["waits"]) == ("fleetmend approve q1", True)
    assert (await site.say("approve", question="q1"))[0] == 200
    kept = site.lab.ledger.get(Approval, "host_dead/h1/restore_volumes")
    assert kept is not None
    assert (kept.answer, kept.by) == (Answer.APPROVED, "ada (operator token)")
    site.lab.wait(7200)
    await site.lab.put(question(answer=Answer.EXPIRED))
    assert (await site.say("approve", question="q1"))[0] == 412


async def test_a_named_person_acts_through_a_closed_gate_and_a_freeze(site: Site) -> None:
    site.lab.watch.gate = Gate(open=False, reason="store is silent", since=NOON)
    site.lab.watch.frozen = "by bob: drill"
    await site.lab.put(dead("h1"), machine("m1", state=MachineState.DESTROYING), destroy(stage=DestroyStage.BLOCKED))
    status, told = await site.say("retire", host="h1", attested="destroyed")
    assert (status, told["text"]) == (
        200,
        "h1 is retired, attested destroyed by ada (operator token): new psu",
    )
    assert site.lab.ledger.all(Host)["h1"].life is Life.RETIRED
    assert site.lab.ledger.all(Destroy)["m1"].stage is DestroyStage.VERIFIED_ABSENT
    assert site.lab.ledger.all(Machine)["m1"].state is MachineState.DESTROYED
    assert [entry["host"] for entry in await site.lab.told("destroyed", "m1")] == ["h1"]


async def test_an_attested_host_is_retired_by_itself_once_all_it_held_is_served(site: Site) -> None:
    await site.lab.put(dead("h1"), host("h2"), machine("m1"))
    await site.say("retire", host="h1", attested="wiped")
    await site.lab.settle()
    assert site.lab.ledger.all(Host)["h1"].life is Life.DEAD
    (waits,) = await site.read("/v1/people/leaving")
    assert waits["waits_for"] == "1 machines that nothing serves for yet"
    serving = machine("m9", "h2", replaces="m1")
    await site.lab.put(machine("m1", recovery=Recovery.SERVING, replaced_by="m9"), serving)
    await site.lab.settle()
    assert site.lab.ledger.all(Host)["h1"].life is Life.RETIRED
    assert site.lab.ledger.all(Machine)["m1"].state is MachineState.DESTROYED


async def test_a_living_host_is_drained_and_leaves(site: Site) -> None:
    await site.lab.put(host(), host("h2"), machine("m1"))
    assert (await site.say("hosts/remove", host="h1"))[0] == 200
    fleet = await site.lab.settle()
    assert [migration.machine for migration in fleet.migrations.values()] == ["m1"]
    assert (await site.read("/v1/people/leaving"))[0]["attested"] == "removed"
    _, told = await site.say("hosts/remove", host="h1", stay=True)
    assert told["text"] == "h1 stays by ada (operator token): new psu; the move of m1 is taken back"
    assert not any(migration.open for migration in site.lab.ledger.all(Migration).values())
    assert site.lab.ledger.all(Host)["h1"].takes_work


async def test_a_living_host_that_is_empty_leaves_at_once_and_is_probed_no_more(site: Site) -> None:
    await site.lab.put(host(), host("h2"), machine("m1", "h2"))
    assert (await site.say("hosts/remove", host="h1"))[1]["text"] == "h1 has left by ada (operator token): new psu"
    assert site.lab.ledger.all(Host)["h1"].life is Life.RETIRED
    assert set(site.lab.watch.assignment(NOON)) <= {"h2"}


@pytest.mark.parametrize("answer", ["replaced", "renamed"])
async def test_another_identity_under_a_known_name_waits_for_a_persons_word(site: Site, answer: str) -> None:
    other = Identity("another-chassis", "", "")
    await site.lab.put(claimed(host(identity=Identity("chassis", "key", "")), other, NOON), host("h2"))
    (shown,) = await site.read("/v1/people/identities")
    assert (shown["host"], shown["greets"]["uuid"]) == ("h1", "another-chassis")
    for _ in range(2):
        status, _ = await site.say("hosts/accept", host="h1", answer=answer)
        assert status == 200
    known = site.lab.ledger.all(Host)["h1"]
    assert (known.identity.uuid, known.identity_claim, known.cordoned) == ("another-chassis", None, "")
    assert len(await site.lab.told("people")) == 1
    assert (await site.say("hosts/accept", host="h2", answer=answer))[0] == 412


async def test_the_status_tells_everything_that_people_said(site: Site) -> None:
    await site.lab.put(host(), host("h2"), machine("m1", app="blog"), question())
    await site.say("hold", scope="app", name="blog", for_seconds=60)
    await site.say("maintenance", hosts=["h2"], for_seconds=60)
    await site.say("release", hosts=["h1"])
    status = await site.read("/v1/status")
    told = {name: len(status[name]) for name in ("questions", "operator_holds", "releases", "maintenance", "single")}
    assert told == {"questions": 1, "operator_holds": 1, "releases": 1, "maintenance": 1, "single": 1}
    assert (await site.read("/v1/apps/single"))[0]["app"] == "blog"


async def test_an_explanation_tells_the_peoples_words(site: Site) -> None:
    await site.lab.put(host(), machine("m1"), question())
    await site.say("hold", scope="rack", name="r1", for_seconds=60)
    await site.say("maintenance", hosts=["h1"], for_seconds=3600)
    await site.say("release", hosts=["h1"], playbook="host_dead")
    told = "\n".join((await site.read("/v1/explain/h1"))["now"])
    by = "by ada (operator token): new psu"
    assert f"rack r1 is held until 2026-08-01 12:01:00Z {by}" in told
    assert f"maintenance until 2026-08-01 13:00:00Z {by}" in told
    assert f"released until 2026-08-01 13:00:00Z for host_dead {by}" in told
    assert "asked until 2026-08-01 12:30:00Z whether restore_volumes: restore with 2 h lost?" in told
    machine_told = "\n".join((await site.read("/v1/explain/m1"))["now"])
    assert f"rack r1 is held until 2026-08-01 12:01:00Z {by}" in machine_told


async def test_an_app_a_rack_and_a_question_are_explained_by_what_people_said_of_them(site: Site) -> None:
    await site.lab.put(host(), machine("m1"), question())
    await site.say("hold", scope="app", name="web", for_seconds=60)
    by = "by ada (operator token): new psu"
    assert (await site.read("/v1/explain/web"))["now"] == [f"app web is held until 2026-08-01 12:01:00Z {by}"]
    (asked,) = (await site.read("/v1/explain/q1"))["now"]
    assert asked.startswith("asked until 2026-08-01 12:30:00Z whether restore_volumes")
    async with site.client.get("/v1/explain/nobody") as response:
        assert response.status == 404


async def test_words_that_ended_are_forgotten_after_a_day(site: Site) -> None:
    await site.lab.put(host())
    await site.say("hold", scope="host", name="h1", for_seconds=60)
    await site.say("release", hosts=["h1"], for_seconds=60)
    site.lab.wait(86_000)
    await site.lab.tick()
    assert len(site.lab.ledger.all(OperatorHold)) == len(site.lab.ledger.all(Release)) == 1
    site.lab.wait(500)
    await site.lab.tick()
    assert not site.lab.ledger.all(OperatorHold)
    assert not site.lab.ledger.all(Release)


async def test_a_maintenance_of_several_hosts_is_in_the_history_of_each(site: Site) -> None:
    await site.lab.put(host(), host("h2"))
    await site.say("maintenance", hosts=["h1", "h2", "h1"], for_seconds=60)
    assert [len(await site.lab.told("people", name)) for name in ("h1", "h2")] == [1, 1]
