"""What peers state of each other, and the round that turns it into proof for hosts that are dead."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from remediator.actions.proof import under_lease
from remediator.clock import Clock
from remediator.engine.evidence.leases import PeerWord, run_out
from remediator.model.evidence import Outcome, Sighting, VerdictKind
from remediator.model.host import Host, Life
from remediator.model.machine import Machine
from remediator.runtime.ledger import Ledger

_EVERY = 1.0
_GIVE_AGAIN, _GIVE_AT_ONCE = timedelta(seconds=5), 50
# What is known of one host this very instant.
Seen = Callable[[str], Sighting | None]


class LeaseWords:
    """The newest statement of each agent, by the host that it is about."""

    def __init__(self) -> None:
        self._words: defaultdict[str, dict[str, tuple[datetime, datetime]]] = defaultdict(dict)
        self._listening: dict[str, tuple[datetime, datetime]] = {}

    def learn(self, peer: str, told: object, now: datetime) -> None:
        """One report's part; what is malformed, or missing as in agents of before, states nothing."""
        if not isinstance(told, dict) or not _is_age(told.get("listening")):
            return
        self._listening[peer] = (now - _ago(told["listening"]), now)
        hosts = told.get("hosts")
        for host, ago in (hosts if isinstance(hosts, dict) else {}).items():
            if _is_age(ago):
                self._words[str(host)][peer] = (now - _ago(ago), now)

    def about(self, host: Host, racks: dict[str, str]) -> dict[str, PeerWord]:
        """What each of its peers states; one that never answered it states so since it listens."""
        found = {}
        for peer in host.peers:
            if peer not in self._listening:
                continue
            since, received = self._listening[peer]
            answered = self._words.get(host.name, {}).get(peer, (since, received))[0]
            found[peer] = PeerWord(peer, racks.get(peer, ""), max(since, answered), received)
        return found


def _is_age(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _ago(seconds: Any) -> timedelta:
    return timedelta(seconds=float(seconds))


class Sworn(Protocol):
    """Who signs terms."""

    def peers(self, host: str) -> list[str]: ...

    def terms(self, host: str) -> dict[str, Any]: ...


class Terms:
    """Sends a host its lease anew where it is to ask others than it does."""

    def __init__(self, sworn: Sworn, ledger: Ledger, tell: Callable[[str, dict[str, Any]], Awaitable[None]]) -> None:
        self._sworn = sworn
        self._ledger = ledger
        self._tell = tell

    async def give(self, host: str) -> None:
        known = self._ledger.get(Host, host)
        if (
            known is not None
            and self._sworn.peers(host) != sorted(known.peers)
            and (terms := self._sworn.terms(host))
        ):
            await self._tell(host, {"type": "lease", "lease": terms})


async def _nothing(host: str) -> None:  # noqa: ARG001 - nobody is told
    return


class LeaseRound:
    """Looks each second at dead hosts with machines under lease."""

    def __init__(self, ledger: Ledger, words: LeaseWords, seen: Seen, lease: timedelta, clock: Clock) -> None:
        self._ledger = ledger
        self._words = words
        self._seen = seen
        self._lease = lease
        self._clock = clock
        # The last heartbeat of agents that were gone after it: a lease that nobody keeps ends nothing.
        self._gone: dict[str, datetime] = {}
        self._given: dict[str, datetime] = {}
        self._sequence = -1
        self._leased: dict[str, str] = {}
        # How a host that has something under lease is told whom it is to ask.
        self.give: Callable[[str], Awaitable[None]] = _nothing

    async def run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(_EVERY)

    async def look(self) -> None:
        """One round over the hosts that have anything under lease."""
        leased, hosts = self._hosts_under_lease(), self._ledger.all(Host)
        await self._give_some(sorted(name for name in leased & hosts.keys() if hosts[name].life is not Life.DEAD))
        contacts = {name: self._contact(name) for name in leased}
        lost = [hosts[name] for name in sorted(leased) if name in hosts and hosts[name].life is Life.DEAD]
        racks = {host.name: host.rack for host in hosts.values()} if lost else {}
        now = self._clock.now()
        said = [
            (host, *run_out(host, contacts[host.name], self._words.about(host, racks), self._lease, now))
            for host in lost
            if host.lease_lapsed_at is None
        ]
        if changed := [each for each in said if each[1] or each[2] != each[0].lease_note]:
            await self._write(changed)

    async def _give_some(self, names: list[str]) -> None:
        """Those that were not looked at for the longest time; a few at each look, for each costs a ranking."""
        now = self._clock.now()
        due = [name for name in names if now - self._given.get(name, now - _GIVE_AGAIN) >= _GIVE_AGAIN]
        for name in due[:_GIVE_AT_ONCE]:
            self._given[name] = now
            await self.give(name)

    def _hosts_under_lease(self) -> set[str]:
        """Looked for among what has changed: of all machines of a large fleet, few are under lease."""
        told = self._ledger.changed_since(self._sequence, (Machine,))
        self._sequence = told.number
        if told.whole:
            self._leased.clear()
        for identifier, machine in told.rows["Machine"].items():
            if machine is not None and machine.alive and under_lease(machine):
                self._leased[identifier] = machine.host
            else:
                self._leased.pop(identifier, None)
        return set(self._leased.values())

    def _contact(self, name: str) -> datetime | None:
        """When it was last heard in our own term; None where its agent had ended or hung before it fell silent."""
        sighting = self._seen(name)
        if sighting is None or sighting.heartbeat is None:
            return None
        if any(claim.kind is VerdictKind.WEDGED for claim in sighting.claims):
            return None
        heart = sighting.heartbeat
        later = [vote for vote in sighting.votes if vote.received is not None and vote.received > heart]
        if any(vote.outcome in (Outcome.REFUSED, Outcome.RESET) for vote in later):
            self._gone[name] = heart
        return None if self._gone.get(name) == heart else heart

    async def _write(self, said: list[tuple[Host, bool, str]]) -> None:
        async with self._ledger.writing() as draft:
            now = self._clock.now()
            for before, proved, note in said:
                host = draft.get(Host, before.name)
                if host is None or host.life is not Life.DEAD or host.epoch != before.epoch:
                    continue
                draft.put(replace(host, lease_lapsed_at=now if proved else None, lease_note=note))
                if proved:
                    draft.note(now, "fence", host.name, {"by": "lease", "fence": "lapsed", "text": note})
