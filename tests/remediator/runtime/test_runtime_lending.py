"""A lent host through the real loop: closed, looked at again, asked back, gone; and whatever lets it work on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from remediator.drivers.provider import ProviderDriver
from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import Capacity, Host, HostStatus, Identity, Life
from remediator.model.loan import Loan, LoanStage
from remediator.model.people import OperatorHold, Scope
from remediator.model.request import Demand, Operation, Origin
from remediator.runtime.machines.lending import denied
from remediator.settings import Endpoint
from scripts.story.ports import free_port
from scripts.story.provider import Provider
from tests.remediator.builders import CLOSED, NOON, alert, dead, host, machine
from tests.remediator.runtime.lending_site import LENT, MINUTE, NAME, OTHERS, Site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.put(*OTHERS, host(NAME, "r4"), LENT)
    await made.goes_on(3)
    yield made
    await made.outbox.close()
    await made.ledger.close()


@asynccontextmanager
async def demo_provider(folder: Path) -> AsyncIterator[tuple[Provider, ProviderDriver]]:
    """The demo's own, over HTTP."""
    gone: list[str] = []

    async def grow(name: str, region: str, token: str) -> None:
        raise AssertionError(f"{name} is not asked for")

    async def shrink(name: str) -> None:
        gone.append(name)

    provider, port = Provider("t0ken", grow, shrink), free_port()
    (folder / "token").write_text("t0ken")
    runner = await provider.serve(port)
    async with aiohttp.ClientSession() as session:
        yield provider, ProviderDriver(session, Endpoint(f"http://127.0.0.1:{port}", folder / "token"))
    await runner.cleanup()
    assert gone == provider.taken


async def test_the_demos_provider_takes_back_what_it_made_and_knows_no_other(site: Site, tmp_path: Path) -> None:
    other = replace(LENT, host="h3")
    await site.put(other)
    site.watch.alerts = lambda: (alert(NAME, "burst_over"), alert("h3", "burst_over"))
    async with demo_provider(tmp_path) as (provider, driver):
        provider.made.add(NAME)
        site.outbox._driver = driver
        await site.goes_on(70)
        assert provider.taken == [NAME]
    assert site.host.life is Life.RETIRED
    stays = site.ledger.get(Host, "h3")
    assert stays is not None
    assert stays.takes_work


async def until_closing(site: Site) -> None:
    await site.goes_on(1)
    assert site.loan.stage is LoanStage.CLOSING


async def test_it_is_closed_looked_at_again_asked_back_and_gone(site: Site) -> None:
    await until_closing(site)
    assert site.host.cordoned == "burst_over"
    await site.goes_on(25)
    assert site.asked == []
    await site.goes_on(6)
    assert site.asked == [NAME]
    assert site.loan.stage is LoanStage.RETURNED
    assert (site.host.life, site.host.status) == (Life.RETIRED, HostStatus.UNREACHABLE)
    assert site.host.reason == "destroyed by its provider: given back: nothing needed it"
    await site.goes_on(30)
    assert site.asked == [NAME]
    assert site.loop.trouble == ""


LATER = NOON + 60 * MINUTE
LAST_MOMENT: dict[str, tuple[Any, ...]] = {
    "a machine": (machine("m1", NAME),),
    "an unknown one": (machine("m1", NAME, adopted=True),),
    "a create": (Operation("k1", "create", NAME, {}, Origin.OWNER, NOON),),
    "a demand": (Demand("a", "web", "arn", Capacity(1, 256, 0), 1, NOON, LATER),),
    "a hold": (OperatorHold(Scope.HOST, NAME, "ada", "wait", NOON, LATER),),
    "a maintenance": (host(NAME, "r4", cordoned="burst_over", maintenance_until=LATER),),
    "a death": (dead("h2", "r2"), machine("m2", "h2")),
}


@pytest.mark.parametrize("what", LAST_MOMENT)
async def test_whatever_speaks_for_it_while_it_is_closed_lets_it_work_on(site: Site, what: str) -> None:
    await until_closing(site)
    await site.goes_on(20)
    await site.put(*LAST_MOMENT[what])
    await site.goes_on(1)
    assert site.loan.stage is LoanStage.JOINED
    assert site.host.cordoned == ""
    await site.goes_on(30)
    assert site.asked == []


@pytest.mark.parametrize("turned", ["frozen", "gate"])
async def test_a_freeze_or_a_store_that_is_not_trusted_lets_it_work_on(site: Site, turned: str) -> None:
    await until_closing(site)
    if turned == "frozen":
        site.dial.stopped = "a drill"
    else:
        site.dial.state = CLOSED
    await site.goes_on(2)
    assert site.host.cordoned == ""
    await site.goes_on(60)
    assert site.asked == []


async def test_who_is_let_in_again_by_a_person_is_not_asked_back(site: Site) -> None:
    await until_closing(site)
    await site.put(replace(site.host, cordoned=""))
    await site.goes_on(60)
    assert site.asked == []
    assert site.loan.note == "a person lets work on it again"


async def test_work_that_comes_between_the_decision_and_the_asking_stops_it(site: Site) -> None:
    """The very last moment: the operation is written, and its transaction before the call finds a machine."""
    await until_closing(site)
    await site.put(replace(site.loan, moved_at=site.clock.now()))
    asking = Operation("give_back:x", "give_back", "", {"host": NAME}, Origin.AUTOMATIC, site.clock.now())
    await site.put(replace(site.loan, stage=LoanStage.ASKED, operation=asking.key), asking, machine("m1", NAME))
    site.outbox.send_due(frozenset(), "", site.clock.now())
    await site.flights()
    assert site.asked == []
    assert site.loan.stage is LoanStage.JOINED
    assert site.loan.note == "it is in use: 1 machines"
    assert site.host.cordoned == ""


async def test_a_provider_that_refuses_leaves_it_at_work_for_another_idle_time(site: Site) -> None:
    site.says = PermanentError("provider answered 409")
    await site.goes_on(35)
    assert site.asked == [NAME]
    assert site.loan.stage is LoanStage.JOINED
    assert site.loan.note == "provider answered 409"
    assert site.host.cordoned == ""
    await site.goes_on(60)
    assert site.asked == [NAME]


async def test_a_provider_that_does_not_know_it_and_it_lives(site: Site) -> None:
    site.says = {"found": False}
    await site.goes_on(35)
    assert site.loan.note == "its provider does not know it, and it lives"
    assert site.host.life is Life.HEALTHY
    assert site.host.cordoned == ""


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key_and_its_absence_is_the_answer(
    site: Site,
) -> None:
    site.says = TransientError("provider: TimeoutError")
    await site.goes_on(35)
    assert site.stage == "asked"
    assert site.host.cordoned == "burst_over"
    site.says = {"found": False}
    await site.goes_on(90)
    assert site.loan.stage is LoanStage.RETURNED
    assert site.host.life is Life.RETIRED
    assert len({call.key for call in site.driver.calls}) == 1


async def test_a_refusal_after_a_lost_answer_leaves_it_closed_and_says_so(site: Site) -> None:
    site.says = TransientError("provider: TimeoutError")
    await site.goes_on(33)
    site.says = PermanentError("provider answered 403")
    await site.goes_on(30)
    assert site.stage == "stuck"
    assert site.host.cordoned == "burst_over"
    (hold,) = site.loop.holds.values()
    assert (hold.reason, hold.text[:21]) == ("GiveBackStuck", "provider answered 403")
    # A person decides; nobody else does.
    await site.put(replace(site.host, cordoned=""))
    await site.goes_on(2)
    assert site.loan.stage is LoanStage.JOINED


async def test_what_comes_to_it_after_a_lost_answer_finds_it_closed_for_more(site: Site) -> None:
    """The first try may have been heard, whether we died over it or not."""
    site.says = TransientError("provider: TimeoutError")
    await site.goes_on(33)
    site.says = {"found": True}
    tried = len(site.asked)
    await site.put(machine("m1", NAME, adopted=True))
    await site.goes_on(30)
    assert len(site.asked) == tried
    assert site.stage == "stuck"
    assert site.loan.note == "it is in use: 1 machines"
    assert site.host.cordoned == "burst_over"


async def uncertain(site: Site, *more: Any) -> None:
    """One whose first asking may yet be obeyed, and that is asked back again after the cooldown."""
    since = site.clock.now() - 9.9 * MINUTE
    stuck = replace(LENT, stage=LoanStage.STUCK, by="burst_over", moved_at=since, tries=3, uncertain=True)
    await site.put(stuck, replace(site.host, cordoned="burst_over"))
    await site.goes_on(10)
    assert site.stage == "closing"
    await site.put(*more)


@pytest.mark.parametrize("what", ["a demand", "a hold", "an unknown one"])
async def test_what_may_be_taken_at_any_moment_stays_closed_whatever_speaks_for_it(site: Site, what: str) -> None:
    await uncertain(site, *LAST_MOMENT[what])
    await site.goes_on(40)
    assert site.asked == []
    assert (site.stage, site.loan.uncertain) == ("stuck", True)
    assert site.host.cordoned == "burst_over"


async def test_a_refusal_does_not_undo_an_earlier_asking_and_a_person_does(site: Site) -> None:
    site.says = PermanentError("provider answered 409")
    await uncertain(site)
    await site.goes_on(35)
    assert site.asked == [NAME]
    assert (site.stage, site.host.cordoned) == ("stuck", "burst_over")
    await site.put(replace(site.host, cordoned="by hand"))
    await site.goes_on(2)
    assert (site.stage, site.loan.uncertain) == ("stuck", True)
    await site.put(replace(site.host, cordoned=""))
    await site.goes_on(2)
    assert (site.stage, site.loan.uncertain) == ("joined", False)


async def test_that_a_provider_knows_it_no_more_after_an_earlier_asking_is_its_end(site: Site) -> None:
    site.says = {"found": False}
    await uncertain(site)
    await site.goes_on(35)
    assert site.stage == "returned"
    assert site.host.life is Life.RETIRED


NOT_AGAIN: dict[str, tuple[Any, ...]] = {
    "a hold": LAST_MOMENT["a hold"],
    "a hold of its region": (OperatorHold(Scope.REGION, "arn", "ada", "wait", NOON, NOON + 60 * MINUTE),),
    "a maintenance": LAST_MOMENT["a maintenance"],
    "another host": (host(NAME, "r4", cordoned="burst_over", identity=Identity("chassis-2")),),
}


@pytest.mark.parametrize("what", NOT_AGAIN)
async def test_it_is_not_asked_for_again_against_anybodys_word(site: Site, what: str) -> None:
    site.says = TransientError("provider: TimeoutError")
    await site.goes_on(33)
    tried = len(site.asked)
    await site.put(replace(site.loan, identity=Identity("chassis-1")), *NOT_AGAIN[what])
    await site.goes_on(60)
    assert len(site.asked) == tried
    assert (site.stage, site.loan.uncertain, site.host.cordoned) == ("stuck", True, "burst_over")


@pytest.mark.parametrize("turned", ["doubts", "gate"])
async def test_while_we_do_not_trust_ourselves_it_is_not_asked_for_again(site: Site, turned: str) -> None:
    site.says = TransientError("provider: TimeoutError")
    await site.goes_on(33)
    tried = len(site.asked)
    site.says = {"found": True}
    if turned == "gate":
        site.dial.state = CLOSED
    else:
        site.watch.doubts = lambda: {"ClockJumped": "by an hour"}
    await site.goes_on(60)
    assert len(site.asked) == tried
    assert (site.stage, site.host.cordoned) == ("asked", "burst_over")


async def test_one_try_of_many_that_may_have_been_heard_is_no_plain_refusal(site: Site) -> None:
    """Given up after waits in which nobody was asked."""
    site.says = TransientError("provider: TimeoutError")
    await site.goes_on(35)
    asking = site.ledger.get(Operation, site.loan.operation)
    assert asking is not None
    await site.put(replace(site.loan, tries=1))
    async with site.ledger.writing() as draft:
        denied(replace(asking, attempts=39), "given up after 40 tries", draft, site.clock.now())
    assert (site.stage, site.host.cordoned) == ("stuck", "burst_over")


async def test_a_stuck_one_is_asked_back_again_after_the_cooldown(site: Site) -> None:
    stuck = replace(LENT, stage=LoanStage.STUCK, by="burst_over", moved_at=site.clock.now() - 9.9 * MINUTE)
    await site.put(stuck, replace(site.host, cordoned="burst_over"))
    await site.goes_on(45)
    assert site.loan.stage is LoanStage.RETURNED


async def test_one_that_dies_while_it_is_asked_back_is_retired_all_the_same(site: Site) -> None:
    site.says = TransientError("provider: TimeoutError")
    await site.goes_on(33)
    lost = replace(site.host, life=Life.DEAD, status=HostStatus.UNREACHABLE, died_at=site.clock.now())
    await site.put(lost)
    site.says = {"found": False}
    await site.goes_on(60)
    assert site.loan.stage is LoanStage.RETURNED
    assert site.host.life is Life.RETIRED


async def test_its_row_is_forgotten_an_hour_later(site: Site) -> None:
    await site.goes_on(40)
    site.wait(3600)
    await site.goes_on(3)
    assert site.ledger.get(Loan, NAME) is None
