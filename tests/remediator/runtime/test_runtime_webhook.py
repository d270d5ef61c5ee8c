"""A playbook's webhook all the way: decided, written, sent over real HTTP until it is taken, always with one key."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from remediator.actions import ACTIONS
from remediator.drivers.webhook import WebhookDriver
from remediator.engine.decide import decide
from remediator.model.decision import Remediation
from remediator.model.policy import EvidenceGuard, Mode, Policy, Step
from remediator.model.request import Operation, Stage
from remediator.runtime.effects import written as effects
from remediator.runtime.effects.outbox import Outbox
from remediator.settings import Endpoint
from tests.remediator.builders import NOON, alert, fleet, playbook
from tests.remediator.runtime.lab import Lab, as_written

BOOK = playbook(
    "rollout_failing",
    target="version",
    mode=Mode.AUTO,
    evidence=EvidenceGuard(),
    correlated=None,
    budgets=(),
    steps=(Step("notify"), Step("webhook", {"to": "rollout", "text": "hold it"})),
)
ASKED = alert("1.2", "rollout_failing", labels={"version": "1.2", "playbook": "rollout_failing"})
POLICY = Policy(playbooks={BOOK.name: BOOK})


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def test_it_is_called_until_it_is_taken_and_then_no_more(lab: Lab, session: aiohttp.ClientSession) -> None:
    answers, keys = [503, 503, 204], list[str]()

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        return web.Response(status=answers[len(keys) - 1])

    runner = await served(answer)
    places = {"rollout": Endpoint("http://{}:{}/hold".format(*runner.addresses[0][:2]))}
    lab.outbox = Outbox(lab.ledger, WebhookDriver(session, places), as_written, lab.clock, lab.tally)
    assert await decided(lab) == ["notify", "webhook"]
    for _ in answers:
        await lab.send()
        lab.wait(5)
    (done,) = lab.ledger.all(Operation).values()
    assert (done.stage, done.attempts, len(keys), len(set(keys))) == (Stage.DONE, 2, 3, 1)
    assert lab.tally.operations == [("webhook", "postponed"), ("webhook", "postponed"), ("webhook", "done")]
    assert await decided(lab) == []
    await runner.cleanup()


async def decided(lab: Lab) -> list[str]:
    """One look and what is written down for it: the actions that were taken."""
    known = [*lab.ledger.all(Remediation).values(), *lab.ledger.all(Operation).values()]
    found = decide(POLICY, ACTIONS, "host_dead", fleet(*known, alerts=(ASKED,)), NOON)
    async with lab.ledger.writing() as draft:
        draft.put(*found.remediations)
        for decision, wanted in found.decisions:
            for effect in wanted:
                effects.write(effect, draft, decision.id, NOON)
    return [decision.action for decision, _ in found.decisions]


async def served(answer: Handler) -> web.AppRunner:
    app = web.Application()
    app.router.add_post("/hold", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner
