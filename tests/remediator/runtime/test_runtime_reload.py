"""Reloading: the whole set or nothing, what it says of itself, and the backlog windows that it opens."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from remediator.actions import ACTIONS
from remediator.model.enrolment import Term
from remediator.model.policy import Backlog
from remediator.policy.changes import changed_playbooks
from remediator.policy.load import load_policy
from remediator.runtime.backlog import opened, opened_by_start
from remediator.runtime.reload import Reload
from tests.remediator.builders import NOON, playbook, policy
from tests.remediator.runtime.lab import Lab

SHIPPED = Path(__file__).parents[3] / "rules"
LIVENESS = "alerts/host_liveness.yml"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "rules"))


def edit(rules: Path, name: str, old: str, new: str) -> None:
    path = rules / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def started(lab: Lab, rules: Path) -> Reload:
    """A reload that has read the folder once."""
    reload = lab.reload(rules)
    await reload.reload()
    assert not reload.in_force.refused
    return reload


async def test_an_edit_is_put_into_force_everywhere_and_written_down(lab: Lab, rules: Path) -> None:
    reload = await started(lab, rules)
    before = reload.in_force.digest
    lab.wait(5)
    edit(rules, "playbooks/host_dead.yml", "cooldown: 10m", "cooldown: 11m")
    after = await reload.reload()
    assert (after.digest != before, after.since, after.refused) == (True, lab.clock.now(), ())
    assert lab.loop.rules.policy.playbooks["host_dead"].cooldown == timedelta(minutes=11)
    assert (await lab.told("reload"))[-1] == {"changed": ["host_dead"], "before": before}
    assert lab.watch.fleet().backlog_since["host_dead"] == lab.clock.now()


@pytest.mark.parametrize("broken", ["groups: [", "groups: [{name: a, rules: [{alert: A, expr: 'up ==='}]}]", "\0"])
async def test_a_bad_set_changes_nothing_and_is_told_until_it_is_mended(lab: Lab, rules: Path, broken: str) -> None:
    reload = await started(lab, rules)
    held, in_force = lab.loop.rules, reload.in_force
    good = (rules / LIVENESS).read_text()
    edit(rules, "playbooks/host_dead.yml", "cooldown: 10m", "cooldown: 11m")
    (rules / LIVENESS).write_text(broken)
    refused = await reload.reload()
    assert refused.digest == in_force.digest
    assert refused.refused_at == lab.clock.now()
    assert LIVENESS in refused.refused[0]
    assert lab.loop.rules is held
    assert lab.tally.rules[-1] == refused
    (rules / LIVENESS).write_text(good)
    assert not (await reload.reload()).refused
    assert lab.loop.rules.policy.playbooks["host_dead"].cooldown == timedelta(minutes=11)


async def test_what_was_taken_back_is_no_longer_refused_and_nothing_was_reloaded(lab: Lab, rules: Path) -> None:
    reload = await started(lab, rules)
    in_force, good = reload.in_force, (rules / LIVENESS).read_text()
    (rules / LIVENESS).write_text("groups: [")
    assert (await reload.reload()).refused
    (rules / LIVENESS).write_text(good)
    assert await reload.reload() == in_force


async def test_a_folder_that_is_gone_leaves_the_rules_in_force(lab: Lab, rules: Path) -> None:
    reload = await started(lab, rules)
    shutil.rmtree(rules)
    assert (await reload.reload()).refused
    assert "host_dead" in lab.loop.rules.policy.playbooks


async def test_limits_are_read_at_start_only(lab: Lab, rules: Path) -> None:
    reload = await started(lab, rules)
    limits = lab.loop.rules.policy.limits
    edit(rules, "limits.yml", "patience: 120s", "patience: 1s")
    await reload.reload()
    assert lab.loop.rules.policy.limits == limits


@pytest.mark.slow
async def test_files_are_watched_and_a_signal_reads_them_at_once(lab: Lab, rules: Path) -> None:
    reload = lab.reload(rules)
    watching = asyncio.create_task(reload.run())
    try:
        await until(lambda: "host_dead" in lab.loop.rules.policy.playbooks)
        first = reload.in_force.digest
        edit(rules, "playbooks/host_dead.yml", "cooldown: 10m", "cooldown: 11m")
        await until(lambda: reload.in_force.digest != first)
        told = len(lab.tally.rules)
        reload.ask()
        await until(lambda: len(lab.tally.rules) > told)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what others change plainly
            await asyncio.sleep(0.02)


# what changed


def test_an_annotation_or_a_comment_concerns_no_playbook(rules: Path) -> None:
    before = load_policy(rules, ACTIONS)
    edit(rules, LIVENESS, "hear nothing", "hear nothing at all")
    edit(rules, "playbooks/host_dead.yml", "cooldown: 10m", "# a comment\ncooldown: 10m")
    after = load_policy(rules, ACTIONS)
    assert (after.digest != before.digest, changed_playbooks(before, after)) == (True, frozenset())


@pytest.mark.parametrize(
    ("old", "new"), [("for: 3s", "for: 4s"), ("> 0.5\n", "> 0.6\n"), ("interval: 1s", "interval: 2s")]
)
def test_an_edit_of_a_rule_concerns_the_playbook_that_it_asks_for(rules: Path, old: str, new: str) -> None:
    before = load_policy(rules, ACTIONS)
    edit(rules, LIVENESS, old, new)
    assert changed_playbooks(before, load_policy(rules, ACTIONS)) == {"host_dead"}


# the backlog's windows

BOOKS = policy(
    playbook("both", backlog=Backlog()),
    playbook("edits", backlog=Backlog(after=("rule_change",))),
    playbook("neither"),
)


def test_a_window_opens_for_those_that_have_one_after_such_an_event() -> None:
    assert opened(BOOKS, BOOKS.playbooks, "start", NOON) == {"both": NOON}
    assert opened(BOOKS, ["edits", "neither", "gone"], "rule_change", NOON) == {"edits": NOON}


@pytest.mark.parametrize(
    ("away", "windows"),
    [(None, {"both": NOON}), (59, {}), (60, {"both": NOON}), (-5, {"both": NOON})],
    ids=["first start", "failover", "absence", "clock went back"],
)
def test_a_failover_over_the_same_journal_opens_none(away: int | None, windows: dict[str, datetime]) -> None:
    seen = NOON - timedelta(seconds=away) if away is not None else None
    assert opened_by_start(BOOKS, Term("incarnation", 1, NOON, seen), NOON) == windows
    assert opened_by_start(BOOKS, None, NOON) == {"both": NOON}
