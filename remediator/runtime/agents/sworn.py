"""What we sign for agents: their commands and welcomes, the ceilings that bind us there, and whom they ask."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from nacl.signing import SigningKey

from remediator.clock import Clock
from remediator.engine.evidence.peers import Racks, peers_of, racks_of
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError
from remediator.model.host import Host
from remediator.model.policy import Limits
from remediator.runtime.agents.absorb import Hello
from remediator.runtime.ledger import Ledger
from remediator.wire.messages import Command, Welcome
from remediator.wire.statements import (
    Ceilings,
    Document,
    LeaseTerms,
    Peer,
    check_mark,
    signed_command,
    signed_document,
    signed_welcome,
)

# Who may be asked is counted anew no more often than this: many hosts may greet at once.
_RACKS_FOR = timedelta(seconds=5)


class Sworn:
    """Signs with the key that agents pinned when they joined."""

    def __init__(self, key: SigningKey, ledger: Ledger, limits: Limits, lease: timedelta, clock: Clock) -> None:
        self._key = key
        self._ledger = ledger
        self._limits = limits
        self._lease = lease
        self._clock = clock
        # Limits are read at start: what we tell of them is as young as we are.
        self._since = clock.now()
        self._racks: tuple[datetime, Racks] | None = None
        # Whom agents seal for, as an operator signed it; empty: for the key that they pinned when they joined.
        self.recipients: Callable[[], Document] = dict

    def command(self, command: Command, host: str, incarnation: str) -> Command:
        """The command as it is sent: named, with the identity that is meant, and signed."""
        known = self._ledger.get(Host, host)
        meant = replace(command, host=host, identity=known.identity.data_id if known else "")
        return signed_command(meant, incarnation, self._key)

    def welcome(self, welcome: Welcome, host: str) -> Welcome:
        told = replace(welcome, ceilings=self.ceilings(), lease=self.terms(host), recipients=self.recipients())
        return signed_welcome(told, host, self._key)

    def lies(self, told: Hello) -> bool:
        """Whether it shows a mark for what it heard that we never made; agents of before show none."""
        if not told.mark:
            return False
        incarnation, term, _ = told.highest
        try:
            check_mark(told.mark, incarnation, term, told.began, self._key.verify_key)
        except PermanentError:
            return True
        return False

    def ceilings(self) -> Document:
        """Those of limits.yml, as an agent keeps to them."""
        most, limits = self._limits.automatic_destroys, self._limits
        spans = limits.patience.total_seconds(), limits.automatic_destroys_per.total_seconds()
        held = Ceilings(spans[0], most.share, most.at_least, spans[1], self._since)
        return signed_document("ceilings", held, self._key)

    def peers(self, host: str) -> list[str]:
        """Whom it is to ask from now on."""
        known, now = self._ledger.get(Host, host), self._clock.now()
        if known is None:
            return []
        hosts = self._ledger.all(Host)
        if self._racks is None or not timedelta() <= now - self._racks[0] < _RACKS_FOR:
            self._racks = (now, racks_of(hosts.values(), now))
        return peers_of(known, self._racks[1], now, hosts)

    def terms(self, host: str) -> Document:
        """Its lease and its peers; nothing where nobody can be asked."""
        hosts = self._ledger.all(Host)
        keys = {name: self._ledger.get(Enrolment, f"agent/{name}") for name in self.peers(host)}
        peers = tuple(_peer(hosts[name], key) for name, key in keys.items() if key)
        if not peers:
            return {}
        terms = LeaseTerms(host, self._lease.total_seconds(), peers, self._clock.now())
        return signed_document("lease", terms, self._key)


def _peer(host: Host, key: Enrolment) -> Peer:
    address = f"[{host.address}]" if ":" in host.address else host.address
    return Peer(host.name, host.rack, f"http://{address}:{host.agent_port}", key.verify_key)
