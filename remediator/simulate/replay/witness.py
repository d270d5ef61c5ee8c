"""What direct evidence says of hosts in doubt, as far as the past tells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.model.evidence import Sighting, Verdict, VerdictKind
from remediator.model.host import Host, Life
from remediator.simulate.replay.past import Befell

_DEAF = frozenset({Life.DEAD, Life.RETIRED})
# Where only the store tells of evidence, the votes behind it are taken to be a quorum's.
_QUORUM = (3, {"": 3})


@dataclass(slots=True)
class _Witness:
    """Of one host; ``other`` is a verdict that is not its life's own."""

    suspect_since: datetime | None = None
    silent: tuple[int, dict[str, int]] = _QUORUM
    other: str = ""


class InTouch(Mapping[str, Sighting]):
    """Every host that lives is connected."""

    def __init__(self, hosts: Mapping[str, Host]) -> None:
        self._hosts = hosts
        self._known: dict[str, Sighting] = {}

    def __getitem__(self, name: str) -> Sighting:
        host = self._hosts[name]
        connected = host.joined and host.life not in _DEAF
        known = self._known.get(name)
        # Every host is looked at in every tick: what has not changed is not made anew.
        if known is None or known.connected is not connected:
            known = self._known[name] = Sighting(name, (), None, connected=connected)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)


class Witnesses:
    """By host: since when it is suspect, how many vantages hear nothing, and in which racks they stand."""

    def __init__(self) -> None:
        self._of: dict[str, _Witness] = {}

    def told(self, befell: Befell) -> None:
        """Votes, and since when there is silence."""
        value: Mapping[str, Any] = befell.value or {}
        if "silent" in value and value.get("life") in ("suspect", "dead"):
            self._known(befell.subject).silent = value["silent"]
        if value.get("suspect_since"):
            self._known(befell.subject).suspect_since = value["suspect_since"]

    def differs(self, host: str, kind: str) -> None:
        """A dead host's verdict is another one now; empty when it is dead again."""
        self._known(host).other = kind

    def moved(self, before: Host | None, after: Host, at: datetime) -> None:
        """Its life went on: doubt begins, or is over."""
        if after.life is Life.SUSPECT and (before is None or before.life is not Life.SUSPECT):
            self._known(after.name).suspect_since = at
        if after.life in (Life.HEALTHY, Life.PROBATION, Life.RETURNING):
            self._of.pop(after.name, None)

    def suspect_since(self, host: str) -> datetime | None:
        return self._known(host).suspect_since

    def verdict(self, host: Host, now: datetime) -> Verdict:
        """The verdict now; its votes are as fresh as they can be."""
        if host.life not in (Life.SUSPECT, Life.DEAD):
            return Verdict(host.name, VerdictKind.ALIVE, host.since, "answers", newest=now)
        witness = self._known(host.name)
        kind = VerdictKind.DEAD if host.life is Life.DEAD else VerdictKind.SUSPECT
        assigned, racks = witness.silent
        silent = sum(racks.values())
        return Verdict(
            host=host.name,
            kind=VerdictKind(witness.other) if witness.other else kind,
            since=host.since,
            reason=f"{silent} of {assigned} assigned vantages hear nothing",
            silent=silent,
            assigned=assigned,
            outside_rack=silent - racks.get(host.rack, 0),
            suspect_since=witness.suspect_since or host.since,
            newest=now,
        )

    def _known(self, host: str) -> _Witness:
        return self._of.setdefault(host, _Witness())
