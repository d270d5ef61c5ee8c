"""When time alone may change a decision: patience, settling, budgets that free up, undo, backlog, people's words."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from remediator.engine.coming import of_loan
from remediator.engine.undo import UNDONE
from remediator.model.decision import Remediation
from remediator.model.host import Life
from remediator.model.policy import Playbook
from remediator.simulate.replay.world import World

# A hair after the moment: what waits for "at least so long" must find it passed.
_AFTER = timedelta(milliseconds=1)


def next_deadline(world: World, now: datetime) -> datetime | None:
    """The first such moment that is still to come."""
    return min((at + _AFTER for at in _all(world) if at + _AFTER > now), default=None)


def _all(world: World) -> Iterator[datetime]:
    yield from _of_hosts(world)
    policy = world.setting.policy
    for remediation in world.views["Remediation"].values():
        playbook = policy.playbooks.get(remediation.playbook)
        if playbook:
            yield from _of_remediation(remediation, playbook, world)
    for question in world.views["Approval"].values():
        yield question.expires_at
    for name, since in world.backlog_since.items():
        backlog = policy.playbooks[name].backlog if name in policy.playbooks else None
        if backlog:
            yield since + backlog.hold_for
    for loan in world.views["Loan"].values():
        yield from of_loan(loan, world.spans)
    yield from (word.until for kind in ("OperatorHold", "Release") for word in world.views[kind].values())
    following = world.next_operation()
    if following:
        yield following - _AFTER


def _of_remediation(remediation: Remediation, playbook: Playbook, world: World) -> Iterator[datetime]:
    yield from (remediation.opened_at + budget.per for budget in playbook.budgets)
    yield from (at + playbook.cooldown for at in remediation.steps.values())
    if playbook.verify:
        yield remediation.opened_at + playbook.verify.within
    if playbook.undo and remediation.closed_at and UNDONE not in remediation.steps:
        host = world.hosts.get(remediation.target)
        well = max(remediation.closed_at, host.since) if host else remediation.closed_at
        yield from (since + playbook.undo.healthy_for for since in {remediation.closed_at, well})


def _of_hosts(world: World) -> Iterator[datetime]:
    policy = world.setting.policy
    waits = {_least(playbook) for playbook in policy.playbooks.values()}
    within = {budget.within for playbook in policy.playbooks.values() for budget in playbook.budgets}
    for host in world.troubled():
        suspect = world.witnesses.suspect_since(host.name)
        began = max(suspect, world.began or suspect) if suspect else None
        if began:
            yield from (began + wait for wait in waits)
        if host.died_at and host.life is Life.DEAD:
            yield max(host.died_at, world.began or host.died_at) + policy.limits.patience
            yield from (host.died_at + span for span in within)
        if host.life is Life.PROBATION:
            yield host.since + world.setting.times.probation
        if host.maintenance_until:
            yield host.maintenance_until


def _least(playbook: Playbook) -> timedelta:
    return max(playbook.continuous, playbook.settle)
