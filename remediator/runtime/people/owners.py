"""Owners told: an event on each machine of a host that is lost or back, and a call to its app's webhook.

Both are put into the very transaction that made them true, whoever wrote it.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime

from remediator.clock import Clock
from remediator.engine.people.owners import calls
from remediator.model.host import Host, Life
from remediator.model.machine import Event, Machine
from remediator.runtime.ledger import Draft, Ledger

# Machines told in one transaction: a region's loss must not hold up the look that found it.
AT_ONCE = 500
_LOST, _BACK = "unreachable", "returned"


class Owners:
    """Called with every draft before it is committed; ``webhooks`` is a webhook's name by app, or ``*``."""

    def __init__(self, ledger: Ledger, webhooks: Mapping[str, str], clock: Clock) -> None:
        self._ledger = ledger
        self._webhooks = webhooks
        self._clock = clock
        self._untold: deque[tuple[str, str]] | None = None
        self._taken: list[tuple[str, str]] = []

    def __call__(self, draft: Draft) -> None:
        now = draft.at or self._clock.now()
        if self._untold is None:
            self._untold = deque(self._left_untold())
        moved = {
            after.name: after
            for before, after in draft.changes(Host)
            if _word(after) and (before is None or before.life is not after.life)
        }
        if moved:
            self._untold.extend(self._on(moved))
        # What was taken last is here once more: its transaction may have failed, and who was told is passed over.
        self._untold.extendleft(reversed(self._taken))
        self._taken = []
        while self._untold and len(self._taken) < AT_ONCE:
            one = self._untold.popleft()
            if self._note(*one, draft, now):
                self._taken.append(one)
        if self._webhooks:
            draft.put(*calls(draft.changes(Machine), self._webhooks, now))

    def _left_untold(self) -> Iterator[tuple[str, str]]:
        """What an earlier life, or an earlier leader, did not come to: looked up when we first write."""
        hosts = [host for host in self._ledger.all(Host).values() if _word(host)]
        return self._on({host.name: host for host in hosts})

    def _on(self, hosts: Mapping[str, Host]) -> Iterator[tuple[str, str]]:
        """Machines of those hosts, each with its host's word."""
        if not hosts:
            return
        for machine in self._ledger.all(Machine).values():
            host = hosts.get(machine.host)
            if host and machine.alive and not _told(machine, host):
                yield machine.id, host.name

    def _note(self, machine_id: str, host_name: str, draft: Draft, now: datetime) -> bool:
        """Whether there was something to tell."""
        machine, host = draft.get(Machine, machine_id), draft.get(Host, host_name)
        if machine is None or host is None or machine.host != host_name or not machine.alive:
            return False
        word = _word(host)
        if not word or _told(machine, host):
            return False
        why = f"lost: {host.reason}" if word == _LOST else "back"
        draft.put(machine.noted(Event(now, "host", word, "fleetmend", f"its host {host.name} is {why}")))
        return True


def _word(host: Host) -> str:
    """What owners are told of a host in this part of its life; empty for all others."""
    if host.life is Life.DEAD:
        return _LOST
    return _BACK if host.life is Life.PROBATION and host.returned_at else ""


def _told(machine: Machine, host: Host) -> bool:
    """Whether its newest word of the host is this one, and younger than what it is about."""
    since = host.died_at if host.life is Life.DEAD else host.returned_at
    last = next((event for event in machine.events if event.kind == "host"), None)
    return last is not None and last.status == _word(host) and (since is None or last.at >= since)
