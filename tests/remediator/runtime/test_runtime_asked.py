"""Whoever is on call is told of each question, at each reminder, and of its end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from remediator.model.people import Answer, Approval
from remediator.model.request import Operation
from remediator.runtime.people.asked import Asked
from tests.remediator.builders import NOON
from tests.remediator.runtime.lab import Lab

HOUR = timedelta(hours=1)
QUESTION = Approval(
    "q1", "host_dead", "h1", "restore_volumes", NOON, NOON + HOUR, "hold_and_page", "two hours are lost"
)


@pytest.fixture
async def told(lab: Lab) -> Lab:
    """A laboratory whose questions are told to one webhook."""
    lab.ledger.before_commit.append(Asked("on_call", lab.clock))
    return lab


def heard(lab: Lab) -> list[tuple[str, int]]:
    args = [each.args for each in lab.ledger.all(Operation).values() if each.verb == "webhook"]
    return [(each["event"], each["reminder"]) for each in args]


async def test_it_is_told_when_asked_at_each_reminder_and_at_its_end(told: Lab) -> None:
    await told.put(QUESTION)
    await told.put(replace(QUESTION, reminded=1))
    await told.put(replace(QUESTION, reminded=2))
    await told.put(replace(QUESTION, reminded=2, answer=Answer.EXPIRED))

    assert heard(told) == [("asked", 0), ("reminded", 1), ("reminded", 2), ("expired", 2)]


async def test_the_call_says_what_is_asked_and_what_to_type(told: Lab) -> None:
    await told.put(QUESTION)

    (call,) = told.ledger.all(Operation).values()
    assert call.key == "question:on_call:q1:asked:0"
    assert call.args["to"] == "on_call"
    assert call.args["text"] == "two hours are lost"
    assert call.args["say"] == "fleetmend approve host_dead/h1/restore_volumes"


async def test_what_has_not_changed_is_not_told_again(told: Lab) -> None:
    await told.put(QUESTION)
    await told.put(replace(QUESTION, text="one hour is lost"))

    assert heard(told) == [("asked", 0)]


async def test_the_same_step_asked_anew_is_news(told: Lab) -> None:
    await told.put(replace(QUESTION, answer=Answer.ASKED))
    await told.put(replace(QUESTION, id="q2"))

    assert heard(told) == [("asked", 0), ("asked", 0)]


async def test_without_a_webhook_nobody_is_called(lab: Lab) -> None:
    lab.ledger.before_commit.append(Asked("", lab.clock))
    await lab.put(QUESTION)

    assert heard(lab) == []
