"""The cooldown to the second: where it ends, whom it spares, and what counts as another failure."""

from dataclasses import replace
from datetime import timedelta

import pytest

from remediator.engine.guards.cooldown import BACK_FOR, cooldown, earlier_steps
from remediator.model.decision import Remediation
from remediator.model.policy import EvidenceGuard
from tests.remediator.builders import NOON, SECOND, case, dead, fleet, host, playbook

BOOK = playbook(cooldown=timedelta(seconds=60))
ACCUSED = playbook(cooldown=timedelta(seconds=60), evidence=EvidenceGuard())


@pytest.mark.parametrize(("ago", "held"), [(59.999999, True), (60.0, False), (61.0, False)])
def test_it_is_over_in_the_very_instant(ago: float, held: bool) -> None:
    hold = cooldown.judge({"ago": ago, "cooldown": 60.0})
    assert (hold is not None) is held
    if hold:
        assert (hold.reason, hold.text.split(":")[0]) == ("Cooldown", "done 60 s ago in vain")


@pytest.mark.parametrize(("away", "held"), [(119.0, True), (120.0, False)])
def test_whoever_stays_away_for_as_long_as_patience_waits_for_none(away: float, held: bool) -> None:
    hold = cooldown.judge({"ago": 1.0, "cooldown": 60.0, "dead": away, "patience": 120.0})
    assert (hold is not None) is held


def test_how_long_it_is_dead_counts_for_deaths_alone() -> None:
    done = Remediation("host_dead", "h1", NOON, earlier={"": NOON - SECOND})
    of_deaths = cooldown.read(case(fleet(dead()), book=BOOK, remediation=done))
    of_others = cooldown.read(case(fleet(dead()), book=ACCUSED, remediation=done))
    never_died = cooldown.read(case(fleet(host()), book=BOOK, remediation=done))
    assert of_deaths == {"ago": 1.0, "cooldown": 60.0, "dead": 4.0, "patience": 120.0}
    assert of_others == never_died == {"ago": 1.0, "cooldown": 60.0}


def test_what_is_as_old_as_the_cooldown_is_forgotten() -> None:
    times = {"recreate": NOON - 60 * SECOND, "condemn": NOON - 59 * SECOND}
    known = Remediation("host_dead", "h1", NOON - 60 * SECOND, times)
    assert set(earlier_steps(case(fleet(dead()), book=BOOK), known).earlier) == {"condemn"}


@pytest.mark.parametrize(("back_for", "known_still"), [(BACK_FOR, False), (BACK_FOR - SECOND, True)])
def test_a_host_that_was_back_for_a_minute_has_failed_anew(back_for: timedelta, known_still: bool) -> None:
    lost = dead(ago=2 * SECOND)
    known = Remediation("host_dead", "h1", NOON - 90 * SECOND, {"recreate": NOON - 59 * SECOND})
    closed = replace(known, closed_at=NOON - 2 * SECOND - back_for)
    assert bool(earlier_steps(case(fleet(lost), book=BOOK), closed).earlier) is known_still


def test_a_remediation_that_was_never_closed_or_a_host_that_never_died_is_no_new_failure() -> None:
    known = Remediation("host_dead", "h1", NOON - 90 * SECOND, {"recreate": NOON - SECOND})
    closed = replace(known, closed_at=NOON - 80 * SECOND)
    assert earlier_steps(case(fleet(dead()), book=BOOK), known).earlier
    assert earlier_steps(case(fleet(host()), book=BOOK), closed).earlier
    assert earlier_steps(case(fleet(), book=BOOK), closed).earlier
