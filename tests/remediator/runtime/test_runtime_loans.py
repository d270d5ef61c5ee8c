"""Loans of bursts: what is lent from the request on, since when it is idle, and who never joined."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.model.enrolment import Enrolment, JoinToken
from remediator.model.host import Capacity, Host
from remediator.model.loan import Loan, LoanStage
from remediator.model.people import OperatorHold, Scope
from remediator.model.request import Burst, BurstStage, Demand, Operation, Origin
from remediator.runtime.effects import outcomes
from remediator.runtime.leading.beginning import expect
from remediator.runtime.machines import lending
from remediator.settings import InventoryHost
from tests.remediator.builders import NOON, SECOND, host, machine
from tests.remediator.runtime.lending_site import LENT, MINUTE, NAME, OTHERS, Site


def provision() -> Operation:
    return Operation("b1", "provision", "", {"names": [NAME, "arn-burst1-2"]}, Origin.AUTOMATIC, NOON)


async def asked_for(site: Site) -> None:
    burst = Burst("b1", "arn", 2, Capacity(), NOON, ("a",), BurstStage.REQUESTED, NOON, (NAME, "arn-burst1-2"))
    async with site.ledger.writing() as draft:
        draft.put(burst, provision())
        lending.write_loans(burst, draft)


def lent(site: Site) -> set[str]:
    return {loan.host for loan in site.ledger.all(Loan).values()}


async def answered(site: Site, value: dict[str, Any] | None, attempts: int = 0) -> None:
    async with site.ledger.writing() as draft:
        if value is None:
            outcomes.failed(replace(provision(), attempts=attempts), "no", draft, NOON)
        else:
            outcomes.succeeded(provision(), value, draft, NOON)


@pytest.mark.parametrize(
    ("value", "attempts", "names"),
    [
        ({"hosts": [NAME, "arn-burst1-2"]}, 0, {NAME, "arn-burst1-2"}),
        ({"hosts": [NAME]}, 0, {NAME}),
        # A name of its own, and one that is a host of ours: that was never lent.
        ({"hosts": [NAME, "vm-17", "h1"]}, 0, {NAME, "vm-17"}),
        (None, 0, set()),
        # It may have made them, and nobody knows.
        (None, 20, {NAME, "arn-burst1-2"}),
    ],
)
async def test_lent_is_what_the_provider_made_or_may_have_made(
    value: dict[str, Any] | None, attempts: int, names: set[str]
) -> None:
    site = Site()
    await site.put(*OTHERS)
    await asked_for(site)
    await answered(site, value, attempts)
    assert lent(site) == names
    await site.ledger.close()


async def orphaned() -> Site:
    site = Site()
    await site.put(*OTHERS, Loan(NAME, "arn", "b1", NOON - 14.9 * MINUTE))
    await site.enrolments.mint(NAME, "b1")
    await site.put(Enrolment(NAME, "agent", "arn", "r4", NOON, "v", "b"))
    return site


async def test_one_that_never_joined_is_asked_back_and_may_join_no_more() -> None:
    site = await orphaned()
    site.says = {"found": False}
    await site.goes_on(5)
    assert site.asked == []
    await site.goes_on(5)
    assert site.asked == [NAME]
    assert site.loan.stage is LoanStage.RETURNED
    assert dict(site.ledger.all(JoinToken)) == {}
    assert site.ledger.get(Enrolment, f"agent/{NAME}") is None
    assert site.ledger.get(Host, NAME) is None
    await site.outbox.close()
    await site.ledger.close()


async def test_one_that_joins_at_the_last_moment_is_not_asked_back() -> None:
    site = await orphaned()
    await site.goes_on(5)
    asking = Operation("give_back:x", "give_back", "", {"host": NAME}, Origin.AUTOMATIC, site.clock.now())
    await site.put(replace(site.loan, stage=LoanStage.ASKED, by="burst_over", operation=asking.key), asking)
    await site.put(host(NAME, "r4"))
    site.outbox.send_due(frozenset(), "", site.clock.now())
    await site.flights()
    assert site.asked == []
    await site.goes_on(3)
    assert site.loan.stage is LoanStage.JOINED
    assert site.host.takes_work
    await site.outbox.close()
    await site.ledger.close()


async def asked_back(site: Site, tries: int = 0) -> None:
    asking = Operation("give_back:x", "give_back", "", {"host": NAME}, Origin.AUTOMATIC, site.clock.now())
    later = replace(asking, not_before=site.clock.now() + 5 * SECOND)
    asked = replace(site.loan, stage=LoanStage.ASKED, by="burst_over", operation=asking.key, tries=tries)
    await site.put(asked, later, host(NAME, "r4"))


async def test_one_that_joins_before_it_was_asked_for_waits_closed_and_then_works() -> None:
    site = await orphaned()
    await site.goes_on(2)
    await asked_back(site)
    await site.goes_on(2)
    assert not site.host.takes_work
    await site.goes_on(8)
    assert site.asked == []
    assert site.loan.stage is LoanStage.JOINED
    assert site.host.takes_work
    await site.outbox.close()
    await site.ledger.close()


async def test_one_that_slips_in_after_it_was_asked_for_never_works() -> None:
    site = await orphaned()
    await site.goes_on(2)
    await asked_back(site, tries=1)
    for _ in range(12):
        await site.goes_on(1)
        assert not site.host.takes_work
    assert site.asked == []
    assert site.loan.stage is LoanStage.STUCK
    await site.outbox.close()
    await site.ledger.close()


async def test_one_that_never_joined_is_held_with_its_region() -> None:
    site = await orphaned()
    await site.goes_on(2)
    asking = Operation("give_back:x", "give_back", "", {"host": NAME}, Origin.AUTOMATIC, site.clock.now())
    asked = replace(site.loan, stage=LoanStage.ASKED, by="burst_over", operation=asking.key, tries=1)
    await site.put(asked, asking, OperatorHold(Scope.REGION, "arn", "ada", "wait", NOON, NOON + 60 * MINUTE))
    await site.goes_on(3)
    assert site.asked == []
    assert site.stage == "stuck"
    await site.outbox.close()
    await site.ledger.close()


async def test_one_that_slipped_in_is_asked_for_again_and_told_to_be_idle() -> None:
    site = await orphaned()
    await site.goes_on(2)
    await asked_back(site, tries=1)
    await site.goes_on(8)
    assert (site.stage, site.loan.uncertain) == ("stuck", True)
    assert site.loan.idle_since is not None
    await site.outbox.close()
    await site.ledger.close()


async def test_its_idle_time_begins_when_its_burst_is_over_and_nothing_is_on_it() -> None:
    site = Site()
    burst = Burst("b1", "arn", 1, Capacity(9, 9, 9), NOON, ("a",), BurstStage.PROVISIONING, NOON, (NAME,))
    demand = Demand("a", "web", "arn", Capacity(1, 1, 1), 1, NOON, NOON + 5 * SECOND)
    await site.put(*OTHERS, host(NAME, "r4"), burst, demand, Loan(NAME, "arn", "b1", NOON))
    await site.goes_on(60)
    assert site.loan.stage is LoanStage.JOINED
    assert site.loan.idle_since is None
    await site.goes_on(70)
    began = site.loan.idle_since
    assert began is not None
    await site.put(machine("m1", NAME))
    await site.goes_on(2)
    assert site.loan.idle_since is None
    await site.outbox.close()
    await site.ledger.close()


async def test_one_that_a_person_puts_into_the_inventory_stays() -> None:
    site = Site()
    await site.put(*OTHERS, host(NAME, "r4"), LENT)
    await expect(site.ledger, [InventoryHost(NAME, "arn", "r4")], site.clock)
    assert dict(site.ledger.all(Loan)) == {}
    await site.goes_on(60)
    assert site.asked == []
    assert [hold.reason for hold in site.loop.holds.values()] == ["NotLent"]
    await site.outbox.close()
    await site.ledger.close()
