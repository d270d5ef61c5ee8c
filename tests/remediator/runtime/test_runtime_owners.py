"""Owners: what happens to their machines on a lost host is an event on each, and one call an app and a word."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from remediator.drivers.webhook import WebhookDriver
from remediator.model.errors import TransientError
from remediator.model.host import Host, Life
from remediator.model.machine import Machine, Recovery
from remediator.model.request import Operation, Origin, Stage
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Draft
from remediator.runtime.people import owners as owners_module
from remediator.runtime.people.owners import Owners
from remediator.settings import Endpoint
from tests.remediator.builders import NOON, dead, host, machine, returning
from tests.remediator.runtime.lab import Lab, as_written

HOOKS = {"web": "web_team", "*": "operators"}


class Failing:
    """A full disk, until it is over."""

    over = False

    def __call__(self, draft: Draft) -> None:
        if not self.over:
            raise TransientError("disk is full")


@pytest.fixture
async def told(lab: Lab) -> Lab:
    """A laboratory whose every transaction is shown to the owners' teller."""
    lab.ledger.before_commit.append(Owners(lab.ledger, HOOKS, lab.clock))
    return lab


def events(lab: Lab, identifier: str) -> list[tuple[str, str]]:
    """Newest first."""
    return [(event.kind, event.status) for event in lab.ledger.all(Machine)[identifier].events]


def called(lab: Lab) -> list[tuple[str, str, str, int]]:
    args = [operation.args for operation in lab.ledger.all(Operation).values() if operation.verb == "webhook"]
    return [(each["to"], each["app"], each["event"], len(each["machines"])) for each in args]


async def test_a_hosts_death_is_an_event_on_each_machine_and_one_call_an_app(told: Lab) -> None:
    await told.put(host(), host("h2"), *(machine(f"m{n}") for n in range(3)), machine("b1", app="blog"))
    await told.put(machine("x", "h2"))
    await told.put(dead("h1", reason="3 of 3 vantages hear nothing"))
    assert events(told, "m0") == events(told, "b1") == [("host", "unreachable")]
    assert events(told, "x") == []
    assert sorted(called(told)) == [("operators", "blog", "unreachable", 1), ("web_team", "web", "unreachable", 3)]
    (text,) = {event.text for event in told.ledger.all(Machine)["m0"].events}
    assert text == "its host h1 is lost: 3 of 3 vantages hear nothing"


async def test_it_is_told_in_the_transaction_that_made_it_true(told: Lab) -> None:
    await told.put(host(), machine())
    before = told.ledger.sequence
    await told.put(dead("h1"))
    assert told.ledger.sequence == before + 1
    assert called(told) == [("web_team", "web", "unreachable", 1)]


@pytest.mark.parametrize(
    ("stage", "word"), [(Recovery.HELD, "held"), (Recovery.WAITING, "waiting"), (Recovery.SERVING, "replaced")]
)
async def test_each_word_of_a_recovery_is_told(told: Lab, stage: Recovery, word: str) -> None:
    await told.put(host(), machine())
    await told.put(machine().recovering(stage, "no snapshot", NOON))
    assert called(told) == [("web_team", "web", word, 1)]
    # The very same again is nothing new.
    await told.put(machine().recovering(stage, "no snapshot", NOON))
    assert len(called(told)) == 1


@pytest.mark.parametrize(("origin", "count"), [(Origin.AUTOMATIC, 1), (Origin.OPERATOR, 1), (Origin.OWNER, 0)])
async def test_a_condemned_machine_is_told_unless_its_owner_asked_for_it(
    told: Lab, origin: Origin, count: int
) -> None:
    await told.put(host(), machine())
    async with told.ledger.writing() as draft:
        condemn(draft, "m1", "replaced", NOON, origin)
    assert [call for call in called(told) if call[2] == "condemned"] == [("web_team", "web", "condemned", 1)] * count


async def test_a_return_is_told_once_the_host_is_admitted(told: Lab) -> None:
    await told.put(host(), machine())
    await told.put(dead())
    await told.put(returning())
    assert ("host", "returned") not in events(told, "m1")
    await told.put(replace(returning(), life=Life.PROBATION))
    await told.put(replace(returning(), life=Life.HEALTHY))
    assert events(told, "m1") == [("host", "returned"), ("host", "unreachable")]


async def test_a_large_loss_is_told_over_several_transactions_and_each_machine_once(told: Lab) -> None:
    many = owners_module.AT_ONCE + 20
    await told.put(host(), *(machine(f"m{n}") for n in range(many)))
    await told.put(dead("h1"))
    assert sum(call[3] for call in called(told)) <= owners_module.AT_ONCE
    await told.put(host("h9"))
    assert all(len(each.events) == 1 for each in told.ledger.all(Machine).values())


async def test_what_a_crash_left_untold_is_told_by_the_next_life(lab: Lab) -> None:
    await lab.put(dead("h1"), machine())
    lab.ledger.before_commit.append(Owners(lab.ledger, HOOKS, lab.clock))
    await lab.put(host("h2"))
    assert events(lab, "m1") == [("host", "unreachable")]
    lab.ledger.before_commit[:] = [Owners(lab.ledger, HOOKS, lab.clock)]
    await lab.put(host("h3"))
    assert events(lab, "m1") == [("host", "unreachable")]


async def test_what_a_transaction_that_failed_would_have_told_is_told_by_the_next(told: Lab) -> None:
    await told.put(dead("h1"))
    await told.put(machine())
    told.ledger.before_commit[:] = [Owners(told.ledger, HOOKS, told.clock), failing := Failing()]
    with pytest.raises(TransientError):
        await told.put(host("h2"))
    assert events(told, "m1") == []
    failing.over = True
    await told.put(host("h3"))
    assert events(told, "m1") == [("host", "unreachable")]


async def test_without_webhooks_events_are_written_all_the_same(lab: Lab) -> None:
    lab.ledger.before_commit.append(Owners(lab.ledger, {}, lab.clock))
    await lab.put(host(), machine())
    await lab.put(dead("h1"))
    assert events(lab, "m1") == [("host", "unreachable")]
    assert called(lab) == []


async def test_an_owner_is_called_until_it_answers_with_the_same_key_even_while_frozen(told: Lab) -> None:
    heard: list[tuple[str, Any]] = []

    async def hook(request: web.Request) -> web.Response:
        heard.append((request.headers["Idempotency-Key"], await request.json()))
        return web.Response(status=503 if len(heard) == 1 else 200)

    app = web.Application()
    app.router.add_post("/hook", hook)
    async with TestServer(app) as server, ClientSession() as session:
        places = {"web_team": Endpoint(str(server.make_url("/hook")))}
        driver = WebhookDriver(session, places)
        told.outbox = Outbox(told.ledger, driver, as_written, told.clock, told.tally)
        await told.put(host(), machine())
        await told.put(dead("h1"))
        await told.send(frozen="by ada: drill")
        told.clock.set(NOON + timedelta(minutes=1))
        await told.send(frozen="by ada: drill")
    assert len(heard) == 2
    assert heard[0] == heard[1]
    body = heard[0][1]
    assert (body["app"], body["event"], body["machines"][0]["id"]) == ("web", "unreachable", "m1")
    (operation,) = told.ledger.all(Operation).values()
    assert operation.stage is Stage.DONE
    assert told.ledger.all(Host)["h1"].life is Life.DEAD
