"""Asks: who wants what done to whom, worst and oldest first, so that nobody waits for ever. PURE.

Each ask is due at its beginning plus a slack that is the shorter the worse it is; the earliest due is looked at
first. So what is worse overtakes what is older by its slack at most, and whoever waits is overtaken by nothing that
began more than ``LONGEST`` after it: it is first for whatever slot is free by then.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from remediator.engine.incidents.exits import group_playbook
from remediator.engine.index import Index
from remediator.model.alert import Alert
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.policy import Policy

AT_ONCE = timedelta()
# Nothing of a dead host that was empty is missed.
EMPTY = timedelta(minutes=1)
BY_SEVERITY = {"critical": timedelta(minutes=1), "warning": timedelta(minutes=5)}
LONGEST = timedelta(minutes=10)

Ask = tuple[str, str]
_Due = tuple[datetime, Ask]


def asks(policy: Policy, liveness: str, index: Index) -> list[Ask]:
    """Playbook and target of each ask, once, in the order in which they are decided."""
    fleet = index.fleet
    due: dict[Ask, datetime] = {}
    for moment, ask in (*_dead(liveness, index), *_of_incidents(index), *_opened(fleet), *_alerted(policy, fleet)):
        if ask[0] in policy.playbooks and ask[1]:
            due[ask] = min(moment, due.get(ask, moment))
    return sorted(due, key=lambda ask: (due[ask], ask))


def _dead(playbook: str, index: Index) -> Iterator[_Due]:
    """Dead verdicts ask by themselves."""
    for name in index.dead:
        yield _due_of(index.fleet.hosts[name], index.fleet), (playbook, name)


def _of_incidents(index: Index) -> Iterator[_Due]:
    """What an incident has let go asks for the group's playbook, host by host."""
    for incident in index.fleet.incidents.values():
        for name in incident.released if incident.open else ():
            if name in index.dead:
                yield _due_of(index.fleet.hosts[name], index.fleet), (group_playbook(incident.label), name)


def _due_of(host: Host, fleet: Fleet) -> datetime:
    lost = any(machine.alive for machine in fleet.machines_on(host.name))
    return (host.died_at or host.since) + (AT_ONCE if lost else EMPTY)


def _opened(fleet: Fleet) -> Iterator[_Due]:
    """What is open goes on asking."""
    for remediation in fleet.remediations.values():
        if remediation.open:
            yield remediation.opened_at, (remediation.playbook, remediation.target)


def _alerted(policy: Policy, fleet: Fleet) -> Iterator[_Due]:
    """Firing alerts ask by their label."""
    for alert in fleet.alerts:
        playbook = policy.playbooks.get(alert.playbook) if alert.actionable else None
        if playbook is not None:
            yield alert.active_at + slack_of(alert), (playbook.name, alert.labels.get(playbook.target, ""))


def slack_of(alert: Alert) -> timedelta:
    """By how much what is worse may overtake it."""
    return BY_SEVERITY.get(alert.labels.get("severity", ""), LONGEST)
